//! The functions are built again when their code changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::Result;
use crate::lambda::{FUNCTIONS, Host};
use crate::output::Output;
use crate::processes;
use crate::stack::spawn;
use crate::workspace::{PROFILE, Workspace, cargo};

/// Where the functions' code is, from the workspace's root.
const FOLDERS: [&str; 2] = ["functions", "shared"];
const FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// A build waits until nothing has changed for so long: who saves one file often saves several.
const QUIET: Duration = Duration::from_millis(100);

/// The changes of the functions' code.
pub struct Changes {
    seen: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Looks out for them from now on.
    pub fn watch(workspace: &Workspace) -> Result<Self> {
        let seen = Arc::new(Notify::new());
        let (tell, root) = (seen.clone(), workspace.root.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&root, &event)) {
                tell.notify_one();
            }
        })?;
        // A file that is replaced by another of its name is only seen in its folder.
        watcher.watch(&workspace.root, RecursiveMode::NonRecursive)?;
        for folder in FOLDERS {
            watcher.watch(&workspace.root.join(folder), RecursiveMode::Recursive)?;
        }
        Ok(Self {
            seen,
            _watcher: watcher,
        })
    }

    /// Waits for the next one, and until it is over.
    pub async fn next(&mut self) {
        self.seen.notified().await;
        while timeout(QUIET, self.seen.notified()).await.is_ok() {}
    }
}

/// Whether code has changed; a compiler reads it, too.
fn is_change(root: &Path, event: &Event) -> bool {
    !event.kind.is_access()
        && event.paths.iter().any(|path| {
            let Ok(path) = path.strip_prefix(root) else {
                return false;
            };
            FILES.iter().any(|file| path == Path::new(file))
                || FOLDERS.iter().any(|folder| path.starts_with(folder))
        })
}

/// Builds the functions, and has the next requests answered by what was built. They run on as they are where that fails.
pub async fn functions(workspace: &Workspace, output: &Output, host: &Host) -> Result<()> {
    let mut build = processes::command(cargo());
    // Of all members, not of single packages: dependencies have the same features then as in every other build. Not all
    // of their binaries: nobody waits for the program that waits here.
    build.args(["build", "--workspace", "--profile", PROFILE]);
    for (name, _) in FUNCTIONS {
        build.args(["--bin", name]);
    }
    build.current_dir(&workspace.root);
    let built = spawn(output, "cargo", &mut build)?.wait().await?;
    if built.success() {
        host.retire_all();
        output.line("dev", "built: the next request is answered by the new code");
    } else {
        output.line("dev", "the build failed: the functions run on as they were");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use notify::EventKind;
    use notify::event::{AccessKind, CreateKind};

    use super::*;

    #[test]
    fn code_that_is_written_is_a_change() {
        let root = Path::new("/outdial");
        let of = |kind: EventKind, path: &str| {
            is_change(root, &Event::new(kind).add_path(root.join(path)))
        };
        let written = EventKind::Create(CreateKind::File);
        for path in [
            "functions/users/src/lib.rs",
            "functions/health/openapi.json",
            "shared/Cargo.toml",
            "Cargo.lock",
        ] {
            assert!(of(written, path), "{path}");
            assert!(!of(EventKind::Access(AccessKind::Any), path), "{path}");
        }
        for path in ["target", "README.md", "sharedness", "xtask/src/main.rs"] {
            assert!(!of(written, path), "{path}");
        }
    }
}
