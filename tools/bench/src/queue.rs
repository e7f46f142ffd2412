//! Measures the dial queue: immediate calls, idle minutes, latency, urgent calls, claims, and query plans.

mod claims;
mod dials;
mod idle;
mod immediate;
mod latency;
mod overtaking;
mod plans;
mod running;
mod waiting;

use serde_json::{Map, Value};
use stack::Result;

use crate::bench::Bench;
use crate::finding::{Finding, Target};

/// The findings so far.
#[derive(Default)]
struct Findings {
    data: Map<String, Value>,
    targets: Vec<Target>,
}

impl Findings {
    fn print(&mut self, name: &str, finding: Finding) {
        println!("\n{}\n{}", finding.title, finding.table);
        self.add(name, finding.data, finding.targets);
    }

    fn add(&mut self, name: &str, data: Value, targets: Vec<Target>) {
        self.data.insert(name.to_owned(), data);
        self.targets.extend(targets);
    }
}

/// Measures all of it. Prints each table as soon as it is complete, but returns the last one.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut findings = Findings::default();
    findings.print("immediate", immediate::measure(bench).await?);
    findings.print("idle", idle::measure(bench).await?);
    findings.print("latency", latency::measure(bench).await?);
    findings.print("overtaking", overtaking::measure(bench).await?);
    findings.print("claims", claims::measure(bench).await?);
    let last = plans::measure(bench).await?;
    findings.add("plans", last.data, last.targets);
    Ok(Finding {
        title: last.title,
        table: last.table,
        data: findings.data.into(),
        targets: findings.targets,
    })
}
