//! Servers with other limits than the usual ones, and objects larger than those.

use anyhow::ensure;
use selvedge_server::config::Options;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::{Serving, World, local};
use selvedge_tests::stand_in::StandInOptions;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;
use tonic::Code;

use crate::round_trip::same;

fn setting(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

/// Fewer bytes of objects in flight are not possible.
fn in_least_memory() -> Serving {
    Serving { options: Options { memory_budget: 0, ..Options::default() }, ..Serving::default() }
}

pub async fn a_server_that_gives_small_pages(world: &mut World) -> anyhow::Result<()> {
    let stand_in = StandInOptions { max_results: 100, ..StandInOptions::default() };
    let env = setting("QUERY_MAXIMUM_RESULTS", "100");
    let own = world.beside(WeaviateOptions { env, stand_in, ..WeaviateOptions::default() }).await?;
    seed::sharded(&own.rest, "Many", 2, 1_050).await?;
    seed::tenanted(&own.rest, "Customer", 6).await?;
    // Read over REST.
    let nested = json!([{"name": "Capital", "dataType": ["text"]}]);
    let properties = json!([{"name": "o", "dataType": ["object"], "nestedProperties": nested}]);
    own.rest.create(&json!({"class": "Capital", "properties": properties})).await?;
    let mut dice = Dice::of("capital");
    let object = |_| json!({"class": "Capital", "id": dice.uuid(), "properties": {"o": {"Capital": "c"}}});
    own.rest.write(&(0..350).map(object).collect::<Vec<_>>()).await?;
    let names = ["Many", "Customer", "Capital"];
    let before = Census::take(&own.rest, &names).await?;
    let checked = own.succeed(&["check"]).await?.out;
    ensure!(checked.contains("warn  page size: pages may have 100 objects only"), "{checked}");
    own.succeed(&["backup", "--id", "b"]).await?;
    own.succeed(&["verify", "b", "--against-live"]).await?;
    own.rest.drop_all().await?;
    own.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&own.rest, &names).await?)
}

/// They go over REST, which knows no limit, out and in.
pub async fn objects_larger_than_a_message(world: &mut World) -> anyhow::Result<()> {
    const LIMIT: usize = 2_000_000;
    let stand_in = StandInOptions { max_message_bytes: LIMIT, ..StandInOptions::default() };
    let env = setting("GRPC_MAX_MESSAGE_SIZE", &LIMIT.to_string());
    let mut small = world.beside(WeaviateOptions { env, stand_in, ..WeaviateOptions::default() }).await?;
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind], "indexSearchable": false, "indexFilterable": false});
    let mut dice = Dice::of("heavy");
    for (class, tenant) in [("Heavy", None), ("Leaden", Some("t"))] {
        let tenancy = json!({"enabled": tenant.is_some()});
        let properties = json!([property("text", "text"), property("number", "int")]);
        world
            .rest
            .create(&json!({"class": class, "multiTenancyConfig": tenancy, "properties": properties}))
            .await?;
        if let Some(tenant) = tenant {
            world.rest.post(&format!("/v1/schema/{class}/tenants"), &json!([{"name": tenant}])).await?;
        }
        for number in 0..40 {
            let length = if number % 13 == 3 { 3_000_000 } else { 100 };
            let properties = json!({"text": "x".repeat(length), "number": number});
            let mut object = json!({"class": class, "id": dice.uuid(), "properties": properties, "vector": dice.vector(4)});
            if let Some(tenant) = tenant {
                object["tenant"] = json!(tenant);
            }
            world.rest.write(&[object]).await?;
        }
    }
    let names = ["Heavy", "Leaden"];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    // To where the limit is smaller, and back from there.
    small.serve_again(Some(local(world.folder())?), None).await?;
    small.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&small.rest, &names).await?)?;
    small.succeed(&["backup", "--id", "from-small"]).await?;
    small.succeed(&["verify", "from-small", "--against-live"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "from-small"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// One that turns out too large was read and sent in vain. The unnamed vector comes twice, so it counts twice.
pub async fn pages_are_asked_for_once(world: &mut World) -> anyhow::Result<()> {
    // A page may weigh 256 KiB then, which are a hundred of these objects.
    world.serve_with(in_least_memory()).await?;
    world.rest.create(&json!({"class": "Heavy", "vectorizer": "none", "vectorIndexType": "flat"})).await?;
    let mut dice = Dice::of("pages");
    let object = |_| json!({"class": "Heavy", "id": dice.uuid(), "vector": dice.vector(256)});
    world.rest.write(&(0..1_000).map(object).collect::<Vec<_>>()).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let asked = world.stand_in().faults().count(&Call::grpc("Search"));
    // Two small ones, and then such as are nearly full.
    ensure!(asked <= 12, "{asked} pages");
    Ok(())
}

/// It refuses for a moment whatever is more than one at a time.
pub async fn a_server_that_answers_one_at_a_time(world: &mut World) -> anyhow::Result<()> {
    let env = setting("MAXIMUM_CONCURRENT_GET_REQUESTS", "1");
    let mut own = world.beside(WeaviateOptions { env, ..WeaviateOptions::default() }).await?;
    seed::sharded(&own.rest, "Many", 2, 8_000).await?;
    own.serve_patiently(std::time::Duration::from_secs(60)).await?;
    if let Some(stand_in) = own.weaviate.stand_in() {
        let faults = stand_in.faults();
        for nth in [2, 4, 5, 9] {
            let text = "429 Too many requests";
            faults.on(Call::grpc("Search")).from(nth).grpc(Code::Unknown, text);
        }
    }
    own.succeed(&["backup", "--id", "b"]).await?;
    own.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

/// However little memory there is, everything is moved, one after the other, and what does not fit is told.
pub async fn the_smallest_memory_budget_is_enough(world: &mut World) -> anyhow::Result<()> {
    world.serve_with(in_least_memory()).await?;
    seed::sharded(&world.rest, "Many", 1, 6_000).await?;
    // Read over gRPC, and over REST.
    for (class, kind) in [("Heavy", "text"), ("Linked", "Linked")] {
        let plain = json!({"dataType": ["text"], "indexSearchable": false, "indexFilterable": false});
        let mut properties = vec![plain];
        properties[0]["name"] = json!("text");
        if kind != "text" {
            properties.push(json!({"name": "to", "dataType": [kind]}));
        }
        world.rest.create(&json!({"class": class, "properties": properties})).await?;
        // Light ones first, in the order of their ids, so that pages have grown when the heavy ones come.
        for number in 0..300_u128 {
            let length = if number % 100 == 99 { 1_500_000 } else { 100 };
            let id = uuid::Uuid::from_u128(number << 118);
            let object = json!({"class": class, "id": id, "properties": {"text": "x".repeat(length)}});
            world.rest.write(&[object]).await?;
        }
    }
    let names = ["Many", "Heavy", "Linked"];
    let before = Census::take(&world.rest, &names).await?;
    let ran = world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(ran.err.contains("an object is too heavy for the memory budget"), "{}", ran.err);
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// A backup of a cluster that nobody writes to meanwhile: it refuses what it takes for writing, and health checks are among it.
pub async fn a_server_that_is_set_to_read_only(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let refusal = "read-only mode is enabled temporally at the config level: write operations are not allowed during this time";
    world.stand_in().faults().on(Call::grpc("Check")).always().grpc(Code::Unavailable, refusal);
    world.serve_again(None, None).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}
