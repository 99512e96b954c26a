//! What the benchmark says, whatever is measured.

use selvedge_tests::harness::stage::Stage;

/// For the impatient, on stderr, as is the next.
pub fn step(what: &str) {
    eprintln!("{what}");
}

pub fn detail(what: &str, figure: &str) {
    eprintln!("  {what:<12} {figure}");
}

/// On what was measured, and what.
pub fn head(stage: &Stage, what: &str) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("Weaviate {}, flat index; {cores} cores for all", stage.version);
    println!("{what}");
    if cfg!(debug_assertions) {
        println!("A DEBUG BUILD: these figures say nothing. Run cargo bench-weaviate.");
    }
    println!();
}

pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
