//! What the benchmark says.

use crate::run::{Bench, Rates};

/// This and the next are for the impatient, on stderr.
pub fn round(round: usize, objects: usize) {
    eprintln!("{objects} objects, round {round}");
}

pub fn progress(what: &str, rate: f64) {
    eprintln!("  {what:<12} {rate:>7.0}/s");
}

pub fn progress_of_server(what: &str, rate: f64, peak: u64) {
    eprintln!("  {what:<12} {rate:>7.0}/s, its peak memory so far {} MiB", peak >> 20);
}

/// `memory` is the server's peak at `few` objects, and at all.
pub fn print(bench: &Bench<'_>, rates: Rates, few: usize, memory: [u64; 2]) {
    let args = bench.args;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("Weaviate {}, flat index; {cores} cores for all", bench.stage.version);
    println!(
        "{} objects of {} dimensions and about 600 bytes; best of {} rounds",
        args.objects, args.dimensions, args.rounds
    );
    if cfg!(debug_assertions) {
        println!("A DEBUG BUILD: these figures say nothing. Run cargo bench-weaviate.");
    }
    println!();
    println!("{:<28} {:>10} {:>8}", "", "objects/s", "ratio");
    println!("{:<28} {:>10.0}", "bare gRPC drain, 2 lanes", rates.drain);
    println!("{:<28} {:>10.0} {:>8.2}", "selvedge backup", rates.backup, rates.backup / rates.drain);
    println!("{:<28} {:>10.0}", "bare BatchObjects, 4 at once", rates.load);
    println!(
        "{:<28} {:>10.0} {:>8.2}",
        "selvedge restore, counted",
        rates.restore,
        rates.restore / rates.load
    );
    println!(
        "{:<28} {:>10.0} {:>8.2}",
        "its comparison by digest",
        rates.compare,
        rates.compare / rates.drain
    );
    println!();
    let [of_few, of_all] = memory.map(|bytes| bytes as f64 / f64::from(1 << 20));
    println!(
        "peak memory of selvedge-server: {of_few:.0} MiB at {few} objects, {of_all:.0} MiB at {}",
        args.objects
    );
}
