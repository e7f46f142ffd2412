//! Programs of the documents: their code blocks, put together and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;

/// A language of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Bash,
    Python,
    JavaScript,
}

impl Language {
    /// The languages whose interpreters are installed. Prints a notice about the others.
    pub fn installed() -> Vec<Self> {
        let all = [Self::Bash, Self::Python, Self::JavaScript];
        let (installed, missing): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|language| language.tools().iter().all(|tool| is_installed(tool)));
        for language in missing {
            let tools = language.tools().join(", ");
            eprintln!("SKIPPED: the examples in {language:?} need {tools}");
        }
        installed
    }

    /// The interpreter, and what else the programs call.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Bash => &["bash", "curl", "jq"],
            Self::Python => &["python3"],
            Self::JavaScript => &["node"],
        }
    }

    /// The word after the fence of a code block.
    pub fn fence(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Bash => "example.sh",
            Self::Python => "example.py",
            Self::JavaScript => "example.mjs",
        }
    }
}

/// A program, and the files that it reads.
pub struct Program {
    language: Language,
    code: String,
    files: Vec<(&'static str, String)>,
}

/// A program that has ended, with its folder.
pub struct Run {
    /// Standard output.
    pub told: String,
    folder: Folder,
}

impl Program {
    /// A program of `docs/EXAMPLES.md`: the client of the language, and the blocks of the section with this heading. An empty
    /// heading: the language's first program.
    pub fn of_examples(language: Language, heading: &str) -> Self {
        let blocks = blocks("EXAMPLES.md", language);
        let (client, program) = blocks.split_first().expect("a client");
        let first = &client.heading;
        let heading = if heading.is_empty() { first } else { heading };
        let own: String = program
            .iter()
            .filter(|block| block.heading == heading)
            .map(|block| block.code.as_str())
            .collect();
        assert!(!own.is_empty(), "no program in {language:?} in {heading:?}");
        Self::new(language, client.code.clone() + &own)
    }

    /// All examples of `docs/API.md`, after the client of `docs/EXAMPLES.md`, for this user.
    pub fn of_reference(language: Language, user_id: &str) -> Self {
        let client = &blocks("EXAMPLES.md", language)[0].code;
        let user = match language {
            Language::Bash => format!("user_id={user_id}\n"),
            Language::Python => format!("user_id = \"{user_id}\"\n"),
            Language::JavaScript => format!("const user_id = \"{user_id}\";\n"),
        };
        let examples = blocks("API.md", language);
        let examples: String = examples.into_iter().map(|block| block.code).collect();
        assert!(examples.len() > 500, "no examples in {language:?}");
        Self::new(language, format!("{client}{user}{examples}"))
    }

    fn new(language: Language, code: String) -> Self {
        Self {
            language,
            code,
            files: Vec::new(),
        }
    }

    /// Gives the program a file.
    pub fn with_file(mut self, name: &'static str, content: String) -> Self {
        self.files.push((name, content));
        self
    }

    /// Runs the program in a folder of its own, until it succeeds.
    pub fn run(self, url: &str, api_key: &str, variables: &[(&str, &str)]) -> Run {
        let folder = Folder::new();
        let name = self.language.file_name();
        std::fs::write(folder.0.join(name), self.code).expect("a file");
        for (name, content) in self.files {
            std::fs::write(folder.0.join(name), content).expect("a file");
        }
        let output = Command::new(self.language.tools()[0])
            .arg(name)
            .current_dir(&folder.0)
            .env("OUTDIAL_URL", url)
            .env("OUTDIAL_API_KEY", api_key)
            .env("NO_PROXY", "127.0.0.1")
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        let language = self.language;
        assert!(output.status.success(), "{language:?}:\n{told}\n{said}");
        Run { told, folder }
    }
}

impl Run {
    /// A file that the program wrote.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }
}

/// A code block, and the heading of its section.
struct Block {
    heading: String,
    code: String,
}

/// The code blocks of a document in one language, in order.
fn blocks(document: &str, language: Language) -> Vec<Block> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(document);
    let document = std::fs::read_to_string(document).expect("the document");
    let opening = format!("```{}", language.fence());
    let (mut blocks, mut heading) = (Vec::new(), String::new());
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(named) = line.strip_prefix("## ") {
            named.clone_into(&mut heading);
        } else if line.starts_with("```") {
            let code: String = lines
                .by_ref()
                .take_while(|line| *line != "```")
                .flat_map(|line| [line, "\n"])
                .collect();
            if line == opening {
                let heading = heading.clone();
                blocks.push(Block { heading, code });
            }
        }
    }
    blocks
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    asked.is_ok_and(|output| output.status.success())
}
