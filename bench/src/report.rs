//! What a run found, as JSON and as a table.

use std::fmt::Write as _;

use serde::Serialize;

use crate::load::Figures;
use crate::parts::Part;

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seconds_each: f64,
    pub(crate) loads: Vec<Row>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) people: Option<People>,
    /// Where the time of a call goes.
    pub(crate) parts: Vec<Part>,
}

/// Where it ran.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// Load average over a minute before the run.
    pub(crate) load_before: f64,
}

/// One target under one load.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What was called.
    pub(crate) tool: &'static str,
    /// Through what.
    pub(crate) through: &'static str,
    pub(crate) in_flight: usize,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// What a program holds, in KiB.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) program: &'static str,
    /// Ready, before the first call.
    pub(crate) idle_kib: u64,
    /// After all loads.
    pub(crate) loaded_kib: u64,
    /// Its children, after all loads.
    pub(crate) children_kib: u64,
    pub(crate) children: usize,
}

/// What further people cost a server.
#[derive(Debug, Serialize)]
pub(crate) struct People {
    pub(crate) count: usize,
    /// Resident memory with one person who has called some hundred times.
    pub(crate) before_kib: u64,
    /// When each of the others has called once.
    pub(crate) after_kib: u64,
    /// When each has called ten times more.
    pub(crate) after_more_kib: u64,
    /// When each has called once more and keeps its connection open.
    pub(crate) held_kib: u64,
    /// Growth of the servers behind it.
    pub(crate) children_growth_kib: i64,
    pub(crate) kib_per_person: f64,
    /// With its connection open.
    pub(crate) kib_per_person_held: f64,
}

impl Report {
    fn row(&self, tool: &str, through: &str, in_flight: usize) -> Option<&Figures> {
        let found = self
            .loads
            .iter()
            .find(|r| r.tool == tool && r.through == through && r.in_flight == in_flight);
        found.map(|r| &r.figures)
    }

    /// For people.
    pub(crate) fn table(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        let m = &self.machine;
        writeln!(
            out,
            "{} x {}, load average {:.2} before the run\n",
            m.processors, m.processor, m.load_before
        )?;
        writeln!(
            out,
            "| tool | through | in flight | p50 ms | p90 ms | p99 ms | calls/s | CPU µs/call: gateway | child | client |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for row in &self.loads {
            let f = &row.figures;
            writeln!(
                out,
                "| {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.0} | {:.0} | {:.0} | {:.0} |",
                row.tool,
                row.through,
                row.in_flight,
                f.p50_ms,
                f.p90_ms,
                f.p99_ms,
                f.per_second,
                f.gateway_cpu_us,
                f.child_cpu_us,
                f.client_cpu_us
            )?;
        }
        writeln!(out)?;
        for tool in ["echo", "list_calendars"] {
            for (other, what) in [
                ("mcp-gateway", "against mcp-gateway"),
                ("pipe", "against the pipe alone"),
            ] {
                for in_flight in [1, 16] {
                    let (Some(ours), Some(theirs)) = (
                        self.row(tool, "deputy", in_flight),
                        self.row(tool, other, in_flight),
                    ) else {
                        continue;
                    };
                    writeln!(
                        out,
                        "{tool}, {in_flight} in flight, {what}: p50 {:.2}x, p99 {:.2}x, calls/s {:.2}x",
                        ours.p50_ms / theirs.p50_ms,
                        ours.p99_ms / theirs.p99_ms,
                        ours.per_second / theirs.per_second
                    )?;
                }
            }
        }
        writeln!(
            out,
            "\n| program | idle MiB | after load MiB | children MiB | children |\n|---|--:|--:|--:|--:|"
        )?;
        for m in &self.memory {
            writeln!(
                out,
                "| {} | {:.1} | {:.1} | {:.1} | {} |",
                m.program,
                mib(m.idle_kib),
                mib(m.loaded_kib),
                mib(m.children_kib),
                m.children
            )?;
        }
        if let Some(p) = &self.people {
            writeln!(
                out,
                "\nA further connected person (of {}): {:.1} KiB after a call, {:.1} KiB after eleven, {:.1} KiB with its connection \
                 held open; children {:+} KiB in all",
                p.count,
                p.kib_per_person,
                per_person(p.after_more_kib, p.before_kib, p.count),
                p.kib_per_person_held,
                p.children_growth_kib
            )?;
        }
        writeln!(out, "\n| part of a call | p50 µs |\n|---|--:|")?;
        for part in &self.parts {
            writeln!(out, "| {} | {:.0} |", part.what, part.p50_us)?;
        }
        Ok(out)
    }
}

/// Growth shared by all.
#[expect(clippy::cast_precision_loss, reason = "kibibytes of one program")]
pub(crate) fn per_person(after: u64, before: u64, people: usize) -> f64 {
    (after as f64 - before as f64) / people.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "kibibytes of one program")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
