//! Backup after backup of a collection that changes at random.

use anyhow::ensure;
use reqwest::Method;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::world::World;
use serde_json::json;

use crate::incrementals::{object, plain, settle_down};

/// Random changes, generation after generation, with backups deleted in between at random: whatever is left is whole.
pub async fn of_random_changes_come_back(world: &mut World) -> anyhow::Result<()> {
    const GENERATIONS: usize = 10;
    let rest = world.rest.clone();
    plain(&rest, "Many", 400).await?;
    seed::tenanted(&rest, "Tenanted", 4).await?;
    let names = ["Many", "Tenanted"];
    let skip = ["--inactive-tenants", "skip"];
    world.succeed(&[&["backup", "--id", "g0"][..], &skip].concat()).await?;
    let mut kept = vec![("g0".to_owned(), Census::take(&rest, &names).await?)];
    let mut dice = Dice::of("generations");
    let mut newest = 400;
    for generation in 1..=GENERATIONS {
        settle_down().await;
        change_at_random(&rest, &mut dice, &mut newest).await?;
        let id = format!("g{generation}");
        let census = Census::take(&rest, &names).await?;
        let parent = dice.one_of(&kept).0.clone();
        world.succeed(&[&["backup", "--parent", &parent, "--id", &id][..], &skip].concat()).await?;
        kept.push((id, census));
        while kept.len() > 1 && dice.percent(50) {
            let (gone, _) = kept.remove(dice.below(kept.len()));
            world.succeed(&["delete", &gone, "--yes"]).await?;
            if dice.percent(30) {
                world.succeed(&["prune", "--yes"]).await?;
            }
        }
        world.succeed(&["verify", "--all", "--level", "rows"]).await?;
    }
    for (id, census) in &kept {
        rest.drop_all().await?;
        world.succeed(&["restore", id]).await?;
        let differences = census.differences(&Census::take(&rest, &names).await?, &[]);
        ensure!(differences.is_empty(), "{id}: {differences:?}");
    }
    // Nothing is left behind with the last of them.
    for (id, _) in &kept {
        world.succeed(&["delete", id, "--yes"]).await?;
    }
    ensure!(
        (0..=GENERATIONS).all(|generation| !world.has_files(&format!("g{generation}"))),
        "files are left"
    );
    Ok(())
}

async fn change_at_random(rest: &Rest, dice: &mut Dice, newest: &mut u128) -> anyhow::Result<()> {
    let known = Census::take(rest, &["Many"]).await?.ids("Many");
    let few = 1 + dice.below(60);
    for _ in 0..few {
        let id = dice.one_of(&known).clone();
        let path = format!("/v1/objects/Many/{id}");
        match dice.below(4) {
            0 => {
                // It may be gone already.
                rest.call(Method::DELETE, &path, None).await?;
            }
            1 => {
                *newest += 1 + dice.below(500) as u128;
                rest.write(&[object("Many", *newest, "new")]).await?;
            }
            2 => {
                let change = json!({"class": "Many", "id": id, "properties": {"text": dice.uuid()}});
                // It may be gone already.
                rest.call(Method::PATCH, &path, Some(&change)).await?;
            }
            _ => {
                let vector = dice.vector(3);
                let object =
                    json!({"class": "Many", "id": id, "properties": {"text": "v"}, "vector": vector});
                rest.write(&[object]).await?;
            }
        }
    }
    let tenants = Census::take(rest, &["Tenanted"]).await?.filled_tenants("Tenanted");
    if let Some(tenant) = tenants.first().filter(|_| dice.percent(50)) {
        let path = "/v1/schema/Tenanted/tenants";
        rest.call(Method::DELETE, path, Some(&json!([tenant]))).await?;
        if dice.percent(50) {
            rest.post(path, &json!([{"name": tenant}])).await?;
            let object = json!({"class": "Tenanted", "tenant": tenant, "id": dice.uuid(), "properties": {}});
            rest.write(&[object]).await?;
        }
    }
    Ok(())
}
