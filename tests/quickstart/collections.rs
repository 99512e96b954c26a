//! What is backed up: a collection of each kind.

use std::time::Instant;

use selvedge_tests::harness::seed;
use selvedge_tests::harness::stage::Stage;

pub const EVERY_TYPE: &str = "EveryType";
const NAMED_VECTORS: &str = "NamedVectors";
const TENANTS: &str = "Tenants";
const SHARDS: &str = "Shards";
const EMPTY: &str = "Empty";
pub const ALL: [&str; 5] = [EVERY_TYPE, NAMED_VECTORS, TENANTS, SHARDS, EMPTY];

const OBJECTS_OF_EVERY_TYPE: usize = 800;
const OBJECTS_WITH_NAMED_VECTORS: usize = 700;
const TENANT_COUNT: usize = 30;
const SHARD_COUNT: usize = 4;
const OBJECTS_ON_SHARDS: usize = 10_000;

pub async fn seed(stage: &Stage) -> anyhow::Result<()> {
    println!("\nFilling it with collections of five kinds:");
    for (name, contents) in [
        (EVERY_TYPE, "every type of property, with awkward values; some objects without a vector".to_owned()),
        (NAMED_VECTORS, "named vectors, one of them a multi-vector".to_owned()),
        (TENANTS, format!("{TENANT_COUNT} tenants, some of them empty")),
        (SHARDS, format!("{OBJECTS_ON_SHARDS} small objects on {SHARD_COUNT} shards")),
        (EMPTY, "nothing but a schema".to_owned()),
    ] {
        println!("  {:<14} {contents}", stage.name(name));
    }
    let start = Instant::now();
    let rest = &stage.rest;
    let name = |name| stage.name(name);
    let names = ALL.map(name);
    let [every_type, named_vectors, tenants, shards, empty] = &names;
    tokio::try_join!(
        seed::every_type(rest, every_type, OBJECTS_OF_EVERY_TYPE),
        seed::named_vectors(rest, named_vectors, OBJECTS_WITH_NAMED_VECTORS),
        seed::tenanted(rest, tenants, TENANT_COUNT),
        seed::sharded(rest, shards, SHARD_COUNT, OBJECTS_ON_SHARDS),
        seed::empty(rest, empty),
    )?;
    println!("  ({:.1} s)", start.elapsed().as_secs_f64());
    Ok(())
}
