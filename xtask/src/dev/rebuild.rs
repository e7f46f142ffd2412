//! Rebuilds the functions when their code changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lambda::{Function, Host};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use stack::build;
use stack::output::Output;
use stack::workspace::Workspace;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::Result;

/// The folders of the functions' code, relative to the workspace's root.
const FOLDERS: [&str; 2] = ["functions", "shared"];
/// The files that the build of the functions depends on.
const FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// A build waits until nothing has changed for this long, because an editor often saves several files.
const QUIET: Duration = Duration::from_millis(100);

/// Watches the functions' code.
pub struct Changes {
    seen: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Starts to watch.
    ///
    /// # Errors
    ///
    /// When the system can't watch a folder.
    pub fn watch(workspace: &Workspace) -> Result<Self> {
        let seen = Arc::new(Notify::new());
        let (tell, root) = (seen.clone(), workspace.root.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&root, &event)) {
                tell.notify_one();
            }
        })?;
        // A watch on the folder also notices a file that is replaced by another one.
        watcher.watch(&workspace.root, RecursiveMode::NonRecursive)?;
        for folder in FOLDERS {
            watcher.watch(&workspace.root.join(folder), RecursiveMode::Recursive)?;
        }
        Ok(Self {
            seen,
            _watcher: watcher,
        })
    }

    /// Waits for the next change, and until changes pause.
    pub async fn next(&mut self) {
        self.seen.notified().await;
        while timeout(QUIET, self.seen.notified()).await.is_ok() {}
    }
}

/// Returns true if an event is a change of code, and false for a read, such as the compiler's.
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

/// Builds the functions, and lets new processes handle the next requests. If the build fails, the old ones keep running.
///
/// # Errors
///
/// When cargo can't be started.
pub async fn functions(workspace: &Workspace, output: &Output, host: &Host) -> Result<()> {
    let functions = Function::names();
    let mut command = build::command(workspace, functions);
    let built = output.spawn("cargo", &mut command)?.wait().await?;
    if built.success() {
        host.retire_all();
        output.line("dev", "built: the new code handles the next request");
    } else {
        output.line("dev", "the build failed: the old code keeps running");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use notify::EventKind;
    use notify::event::{AccessKind, CreateKind};

    use super::*;

    #[test]
    fn changed_file_triggers_a_rebuild() {
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
