//! A large tenant, compared object by object because it is not the same as a whole.

use anyhow::{Context, ensure};
use serde_json::json;

use super::Peak;
use crate::data;
use crate::ground::Ground;
use crate::report;

const TENANT: &str = "large";
const DIMENSIONS: usize = 8;
/// The exit code for what is not what it should be.
const DIFFERENT: i32 = 6;

/// Of a comparison with one changed object, which has to be named.
pub async fn measure(ground: &mut Ground<'_>, objects: usize) -> anyhow::Result<Peak> {
    let what = format!("verify against a tenant of {objects} objects, one of them changed");
    report::step(&what);
    let source = ground.stage.name("Source");
    let mut class = data::small_class(&source);
    class["multiTenancyConfig"] = json!({"enabled": true});
    ground.create(&class).await?;
    let tenants = json!([{"name": TENANT}]);
    ground.stage.rest.post(&format!("/v1/schema/{source}/tenants"), &tenants).await?;
    ground.bare.load(data::small_requests(&source, TENANT, objects, DIMENSIONS)).await?;
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["backup", "--id", "first", &source]).await?;
    let id = change_one(ground, &source, objects).await?;
    // What the backup needed does not count.
    ground.selvedge.start_afresh().await?;
    let said = ground.selvedge.ends_with(DIFFERENT, &["verify", "first", "--against-live"]).await?;
    ensure!(said.contains(&id), "object {id} was changed, and is not named: {said}");
    let peak = ground.peak(&what)?;
    ground.clear(&[&source]).await?;
    Ok(peak)
}

/// Gives an object another vector, and returns its id.
async fn change_one(ground: &Ground<'_>, collection: &str, objects: usize) -> anyhow::Result<String> {
    let mut requests = data::small_requests(collection, TENANT, objects, DIMENSIONS);
    let mut request = requests.next().context("there are no objects")?;
    request.objects.truncate(1);
    let object = request.objects.first_mut().context("there are no objects")?;
    object.vector_bytes = 1_f32.to_le_bytes().repeat(DIMENSIONS).into();
    let id = object.uuid.clone();
    ground.bare.load([request]).await?;
    Ok(id)
}
