//! What is encrypted is read by those who have an identity for it, and by nobody else.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use secrecy::SecretString;
use selvedge_archive::{Encryption, Repository, RepositoryConfig, new_identity};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Server, Serving, World};
use serde_json::Value;

use crate::jobs::job_id;
use crate::round_trip::{all_kinds, same};
use crate::runner::programs;

/// A server on a folder, for these recipients or with this identity.
async fn server(world: &World, folder: &Path, encryption: Option<Encryption>) -> anyhow::Result<Server> {
    let url = format!("file://{}", folder.display());
    let config = RepositoryConfig { encryption, ..RepositoryConfig::new("default", url) };
    let repository = Some(Repository::create(&config)?);
    world.second_server(Serving { repository, ..Serving::default() }).await
}

fn only_writing(recipient: &str) -> Option<Encryption> {
    Some(Encryption { recipients: vec![recipient.to_owned()], ..Encryption::default() })
}

fn reading(identity: &SecretString) -> Option<Encryption> {
    Some(Encryption { identity: Some(identity.clone()), ..Encryption::default() })
}

async fn run(
    world: &World,
    server: &Server,
    arguments: &[&str],
    code: u8,
    told: &str,
) -> anyhow::Result<String> {
    let ran = world.run_on(server, arguments).await;
    let all = format!("{}{}", ran.out, ran.err);
    ensure!(ran.code == code && all.contains(told), "{arguments:?}: {ran:?}");
    Ok(all)
}

/// The texts that are in a folder, in names or in files.
fn found(folder: &Path, texts: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let bytes = if path.is_dir() { Vec::new() } else { std::fs::read(&path)? };
        let shown = path.file_name().context("it has a name")?.to_string_lossy().into_owned();
        let is_in = |text: &&&str| {
            shown.contains(**text) || bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        found.extend(texts.iter().filter(is_in).map(|text| format!("{text} is in {}", path.display())));
        if path.is_dir() {
            found.extend(self::found(&path, texts)?);
        }
    }
    Ok(found)
}

pub async fn what_one_server_can_only_write_another_reads(world: &mut World) -> anyhow::Result<()> {
    let names = all_kinds(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    let (identity, recipient) = new_identity();
    let place = tempfile::tempdir()?;
    let folder = place.path();
    let mut writer = server(world, folder, only_writing(&recipient)).await?;
    let ran = world.run_on(&writer, &["--json", "backup", "--id", "b", "--tag", "nightly"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let job = job_id(&ran)?;
    run(world, &writer, &["clear", "Named", "--yes"], 0, "1 collection").await?;
    run(world, &writer, &["check"], 0, "no identity to read them by").await?;
    let secrets = ["Every", "Named", "Tenanted", "Sharded", "nightly", "moduleConfig", "creation_time"];
    let in_the_open = found(folder, &secrets)?;
    ensure!(in_the_open.is_empty(), "{in_the_open:?}");

    // Once it has ended, nobody has the key but whoever has the identity.
    writer.stop().await?;
    let writer = server(world, folder, only_writing(&recipient)).await?;
    let listed = run(world, &writer, &["list"], 0, "encrypted").await?;
    ensure!(!listed.contains("nightly"), "{listed}");
    run(world, &writer, &["jobs", "list"], 0, "").await?;
    run(world, &writer, &["jobs", "show", &job], 4, "no identity").await?;

    run(world, &writer, &["show", "b"], 0, "has no identity for it").await?;
    for refused in
        [&["restore", "b"][..], &["restore", "latest"], &["verify", "b"], &["export", "b", "Every"]]
    {
        run(world, &writer, refused, 4, "no identity").await?;
    }
    let (stranger, _) = new_identity();
    let other = server(world, folder, reading(&stranger)).await?;
    run(world, &other, &["restore", "b"], 4, "no identity").await?;
    run(world, &other, &["check"], 1, "is encrypted").await?;
    let forgetful = server(world, folder, None).await?;
    run(world, &forgetful, &["backup", "--id", "open"], 4, "not configured for that").await?;

    let reader = server(world, folder, reading(&identity)).await?;
    run(world, &reader, &["check"], 0, "the newest backup can be opened").await?;
    run(world, &reader, &["show", "b"], 0, "nightly").await?;
    run(world, &reader, &["verify", "b"], 0, "is intact").await?;
    world.rest.drop_all().await?;
    run(world, &reader, &["restore", "latest"], 0, "").await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn a_server_that_only_writes_lists_and_prunes(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    let (identity, recipient) = new_identity();
    let folder = tempfile::tempdir()?;
    for (id, names) in [("one", &["Article"][..]), ("two", &["Article"]), ("three", &["Author"])] {
        let mut writer = server(world, folder.path(), only_writing(&recipient)).await?;
        run(world, &writer, &[&["backup", "--id", id], names].concat(), 0, "backup").await?;
        writer.stop().await?;
    }
    let writer = server(world, folder.path(), only_writing(&recipient)).await?;
    run(world, &writer, &["hold", "three"], 0, "").await?;
    // Those of the same are a series, although nobody here knows of what.
    run(world, &writer, &["prune", "--keep-last", "1", "--yes"], 0, "removed").await?;
    run(world, &writer, &["release", "three"], 0, "").await?;
    let listed = run(world, &writer, &["list"], 0, "two").await?;
    ensure!(listed.contains("three") && !listed.contains("one "), "{listed}");
    run(world, &writer, &["delete", "three", "--yes"], 0, "").await?;
    let reader = server(world, folder.path(), reading(&identity)).await?;
    run(world, &reader, &["verify", "two"], 0, "is intact").await?;
    let jobs = run(world, &reader, &["jobs", "list"], 0, "back up").await?;
    ensure!(jobs.contains("Article"), "{jobs}");
    Ok(())
}

/// As an operator does, with the program alone.
pub async fn keys_are_made_shown_and_changed(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 200).await?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let program = programs().await?.server.clone();
    let run = async |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = tokio::process::Command::new(&program);
        let ran =
            command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).output().await?;
        anyhow::Ok((ran.status.code(), String::from_utf8(ran.stdout)?, String::from_utf8(ran.stderr)?))
    };
    let made = run(&[], &["key", "new"]).await?.1;
    std::fs::write(path("identity"), &made)?;
    let recipient =
        made.lines().next().and_then(|line| line.strip_prefix("# recipient: ")).context("a recipient")?;
    let server = server(world, &folder.path().join("repository"), only_writing(recipient)).await?;
    self::run(world, &server, &["backup", "--id", "b"], 0, "backup b").await?;

    let (repository, identity) = (path("repository"), path("identity"));
    let with = ["--repository", &repository, "--identity-file", &identity];
    let (code, shown, told) = run(&[], &[&["key", "show", "b"], &with[..]].concat()).await?;
    ensure!(code == Some(0), "{told}");
    let keys: Value = serde_json::from_str(&shown)?;
    let file = &keys["files"][0];
    ensure!(file["collection"] == "Article" && file["rows"] == 200, "{keys}");
    ensure!(file["key"].as_str().is_some_and(|key| key.len() == 64), "{keys}");
    let bytes = std::fs::read(Path::new(&repository).join(file["path"].as_str().context("a path")?))?;
    ensure!(bytes.starts_with(b"PARE"), "it is no Parquet file with an encrypted footer");

    let other = run(&[], &["key", "new"]).await?.1;
    std::fs::write(path("other"), &other)?;
    let to_other =
        other.lines().next().and_then(|line| line.strip_prefix("# recipient: ")).context("a recipient")?;
    let (code, _, told) = run(&[], &[&["rekey", "--recipient", to_other], &with[..]].concat()).await?;
    ensure!(code == Some(0), "{told}");
    let (code, _, told) = run(&[], &[&["key", "show", "b"], &with[..]].concat()).await?;
    ensure!(code == Some(1) && told.contains("no identity for it"), "{code:?}: {told}");
    let (code, _, told) = run(
        &[("SELVEDGE_IDENTITY_FILE", &path("other"))],
        &["key", "show", "b", "--repository", &repository],
    )
    .await?;
    ensure!(code == Some(0), "{told}");
    // Of what is configured, only what everybody may know is shown.
    let config =
        run(&[("SELVEDGE_PASSPHRASE", "hunter2")], &["--print-config", "--repository", &repository]).await?;
    ensure!(
        config.1.contains("encryption.passphrase") && !format!("{config:?}").contains("hunter2"),
        "{config:?}"
    );
    Ok(())
}
