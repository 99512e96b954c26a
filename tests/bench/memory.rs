//! The most memory that selvedge-server takes, where it would be easy to take more.

#[path = "memory/at_once.rs"]
mod at_once;
#[path = "memory/bucket.rs"]
mod bucket;
#[path = "memory/tenant.rs"]
mod tenant;
#[path = "memory/uneven.rs"]
mod uneven;

use crate::data;
use crate::ground::Ground;
use crate::report;

/// Measure the peak memory of selvedge-server.
#[derive(clap::Args)]
pub struct Args {
    /// Collections that are backed up and restored one after the other, each by a fresh server.
    #[arg(
        long,
        value_name = "OBJECTSxDIMENSIONS",
        value_delimiter = ',',
        default_values = ["50000x256", "600000x256", "30000x1536"],
        value_parser = parse_size
    )]
    sizes: Vec<Size>,

    /// Of the large tenant.
    #[arg(long, default_value_t = 1_000_000)]
    tenant_objects: usize,

    /// Measure only these; may be repeated.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Load>,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    objects: usize,
    dimensions: usize,
}

/// What the server has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Load {
    /// Collections of the given sizes.
    Sizes,
    /// Five backups and a restore at once.
    AtOnce,
    /// Five backups at once into an object store.
    Bucket,
    /// Light objects, and heavy ones after them, read over REST.
    Uneven,
    /// A large tenant in which a single object is not what it was.
    Tenant,
}

/// The most memory of one server.
pub struct Peak {
    what: String,
    bytes: u64,
}

fn parse_size(text: &str) -> Result<Size, String> {
    let numbers = text.split_once('x').and_then(|(objects, dimensions)| {
        Some(Size { objects: objects.parse().ok()?, dimensions: dimensions.parse().ok()? })
    });
    numbers.ok_or_else(|| "it must look like 50000x256".to_owned())
}

pub async fn run(args: &Args, mut ground: Ground<'_>) -> anyhow::Result<()> {
    let wanted = |load| args.only.is_empty() || args.only.contains(&load);
    let mut peaks = Vec::new();
    if wanted(Load::Sizes) {
        for size in &args.sizes {
            peaks.extend(one_after_the_other(&mut ground, *size).await?);
        }
    }
    if wanted(Load::AtOnce) {
        peaks.push(at_once::measure(&mut ground).await?);
    }
    if wanted(Load::Bucket) {
        peaks.extend(bucket::measure(&mut ground).await?);
    }
    if wanted(Load::Uneven) {
        peaks.extend(uneven::measure(&mut ground).await?);
    }
    if wanted(Load::Tenant) {
        peaks.push(tenant::measure(&mut ground, args.tenant_objects).await?);
    }
    report::head(ground.stage, "peak memory of selvedge-server, each of them of a fresh process");
    println!("{:<72} {:>8}", "", "MiB");
    for Peak { what, bytes } in &peaks {
        println!("{what:<72} {:>8.0}", report::mebibytes(*bytes));
    }
    Ok(())
}

/// Of a backup, and of a backup and a restore by the same server.
async fn one_after_the_other(ground: &mut Ground<'_>, size: Size) -> anyhow::Result<[Peak; 2]> {
    let Size { objects, dimensions } = size;
    let what = format!("{objects} objects of {dimensions} dimensions");
    report::step(&what);
    let (source, copy) = (ground.stage.name("Source"), ground.stage.name("Copy"));
    ground.create(&data::class(&source)).await?;
    ground.bare.load(data::requests(&source, objects, dimensions)).await?;
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["backup", "--id", "first", &source]).await?;
    let of_backup = ground.peak(&format!("{what}: backup"))?;
    ground.selvedge.run(&["restore", "first", "--rename", &format!("{source}={copy}")]).await?;
    let of_both = ground.peak(&format!("{what}: backup, then restore"))?;
    ground.clear(&[&source, &copy]).await?;
    Ok([of_backup, of_both])
}

impl Ground<'_> {
    /// What the running server has needed so far.
    fn peak(&self, what: &str) -> anyhow::Result<Peak> {
        let bytes = self.selvedge.peak_memory()?;
        report::detail("peak", &format!("{:.0} MiB, {what}", report::mebibytes(bytes)));
        Ok(Peak { what: what.to_owned(), bytes })
    }
}
