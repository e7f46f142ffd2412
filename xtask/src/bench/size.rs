use std::process::Command;

use serde_json::{Map, json};

use super::finding::{Finding, Table, Target};
use super::{Bench, FLOOR};
use crate::Result;
use crate::lambda::FUNCTIONS;

/// The most that a function's zip may have, in bytes.
const ZIP_MAX: u64 = 4 * 1024 * 1024;

const BOUND: &str = "the driver, TLS and the AWS SDK are 3.5 MiB of each function that has a database, and outbound-calls has the \
    numbering plan of the world besides, 0.4 MiB. Tried: a crate with a smaller plan and one with smaller time zones, \
    the SDK without its search for credentials (kept); optimization for the least size in the driver, the SDK and eighteen more crates \
    (0.02 MiB less, not kept)";

/// The binaries as they are deployed: stripped, and in a zip under the name `bootstrap`.
pub fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&["function", "binary, MiB", "zip, MiB"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for name in FUNCTIONS.map(|(name, _)| name).into_iter().chain([FLOOR]) {
        let (binary, zip) = weigh(bench, name)?;
        table.line(
            name,
            [mib(binary), mib(zip)].map(|size| format!("{size:.2}")),
        );
        data.insert(
            name.to_owned(),
            json!({ "binary_bytes": binary, "zip_bytes": zip }),
        );
        if name != FLOOR {
            targets.push(
                Target::new(format!("{name}: zip, MiB"), mib(ZIP_MAX), mib(zip)).bound_by(BOUND),
            );
        }
    }
    Ok(Finding {
        title: "Size".to_owned(),
        table,
        data: data.into(),
        targets,
    })
}

/// Stripped by the linker's companion, as cargo does when it is asked to, and zipped by Python: both are here anyway.
fn weigh(bench: &Bench, name: &str) -> Result<(u64, u64)> {
    const ZIP: &str = "import sys, zipfile as z; \
        z.ZipFile(sys.argv[2], 'w', z.ZIP_DEFLATED, compresslevel=9).write(sys.argv[1], 'bootstrap')";
    let binary = bench.folder.join("bootstrap");
    let stripped = Command::new("strip")
        .arg("-o")
        .args([&binary, &bench.workspace.binary(name)])
        .status()?;
    if !stripped.success() {
        return Err(format!("{name} cannot be stripped").into());
    }
    let zip = bench.folder.join("bootstrap.zip");
    let zipped = Command::new("python3")
        .args(["-c", ZIP])
        .args([&binary, &zip])
        .status()?;
    if !zipped.success() {
        return Err(format!("{name} cannot be zipped").into());
    }
    Ok((
        std::fs::metadata(binary)?.len(),
        std::fs::metadata(zip)?.len(),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "no binary has so many bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
