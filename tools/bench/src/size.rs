//! Measures the size of the binaries and of their zip files.

use std::process::Command;

use lambda::Function;
use serde_json::{Map, json};
use stack::Result;

use crate::bench::{Bench, FLOOR};
use crate::finding::{Finding, Table, Target};

/// The largest zip file of a function, in bytes.
const ZIP_MAX: u64 = 4 * 1024 * 1024;

const BOUND: &str = "the driver, TLS and the AWS SDK take 3.5 MiB of each function that uses the database. The numbering plans of all \
    countries take another 0.4 MiB of outbound-calls. Tried: crates with smaller numbering plans and time zones, and the SDK without its search for credentials \
    (kept); optimization for size in the driver, the SDK and eighteen more crates (0.02 MiB less, not kept)";

/// Measures the binaries as they are deployed: stripped, and zipped as `bootstrap`.
pub fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&["function", "binary, MiB", "zip, MiB"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for name in Function::names().chain([FLOOR]) {
        let (binary, zip) = sizes(bench, name)?;
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

/// Returns the sizes of the stripped binary and of its zip file, in bytes. `strip` comes with the linker, and other
/// commands need Python anyway.
fn sizes(bench: &Bench, name: &str) -> Result<(u64, u64)> {
    const ZIP: &str = "import sys, zipfile as z; \
        z.ZipFile(sys.argv[2], 'w', z.ZIP_DEFLATED, compresslevel=9).write(sys.argv[1], 'bootstrap')";
    let binary = bench.folder.join("bootstrap");
    let stripped = Command::new("strip")
        .arg("-o")
        .args([&binary, &bench.workspace.binary(name)])
        .status()?;
    if !stripped.success() {
        return Err(format!("can't strip {name}").into());
    }
    let zip = bench.folder.join("bootstrap.zip");
    let zipped = Command::new("python3")
        .args(["-c", ZIP])
        .args([&binary, &zip])
        .status()?;
    if !zipped.success() {
        return Err(format!("can't zip {name}").into());
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
