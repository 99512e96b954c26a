//! What the server tells of its work.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use selvedge_tests::harness::programs::free_port;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::kills::killable::Killable;

/// The server looks at its repositories every ten seconds.
const LOOKS: usize = 300;
const PAUSE: Duration = Duration::from_millis(100);

const LAST: &str = "selvedge_last_success_timestamp_seconds{cluster=\"default\",collection=\"Article\"}";
const ENDED: &str = "selvedge_jobs_ended_total{kind=\"backup\",state=\"succeeded\"}";
const OBJECTS: &str = "selvedge_objects_total{kind=\"backup\"}";

pub async fn they_move_with_the_work_and_survive_a_restart(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 40).await?;
    let mut server = Killable::start(world).await?;
    server.stop().await?;
    let port = free_port()?;
    server.settings.metrics = Some(port);
    server.start_again().await?;
    ensure!(get(port, "/healthz").await?.0 == 200 && get(port, "/readyz").await?.0 == 200);
    ensure!(get(port, "/elsewhere").await?.0 == 404);
    ensure!(number(port, ENDED).await? == Some(0.0) && number(port, LAST).await?.is_none());

    server.succeed(&["backup", "--id", "b"]).await?;
    ensure!(number(port, ENDED).await? == Some(1.0), "a backup that was made is not counted");
    ensure!(number(port, OBJECTS).await? >= Some(40.0));
    let last = until(port, LAST).await?;
    ensure!(until(port, "selvedge_repository_backups{repository=\"default\"}").await? == 1.0);
    // What did not succeed is not counted as if it had.
    server.run(&["backup", "Nothing"]).await;
    ensure!(number(port, ENDED).await? == Some(1.0));

    server.stop().await?;
    server.start_again().await?;
    ensure!(until(port, LAST).await? == last, "a restart has changed when the last backup was made");
    ensure!(number(port, ENDED).await? == Some(0.0));

    let folder = Path::new(&server.settings.repository);
    let (marker, elsewhere) = (folder.join("repository.json"), folder.join("elsewhere.json"));
    fs::rename(&marker, &elsewhere)?;
    let told = until_ready(port, false).await?;
    ensure!(told.contains("no repository can be used"), "{told}");
    until_serving(server.url(), ServingStatus::NotServing).await?;
    fs::rename(&elsewhere, &marker)?;
    until_ready(port, true).await?;
    until_serving(server.url(), ServingStatus::Serving).await
}

/// The status and the body.
async fn get(port: u16, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// One number; `None` if there is no such series.
async fn number(port: u16, series: &str) -> anyhow::Result<Option<f64>> {
    let (status, text) = get(port, "/metrics").await?;
    ensure!(status == 200 && text.ends_with("# EOF\n"), "{status}: {text}");
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(value.map(str::parse).transpose()?)
}

/// The number, when there is one that is not 0.
async fn until(port: u16, series: &str) -> anyhow::Result<f64> {
    for _ in 0..LOOKS {
        match number(port, series).await? {
            Some(found) if found > 0.0 => return Ok(found),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    bail!("there is never a {series}")
}

/// What is told then.
async fn until_ready(port: u16, ready: bool) -> anyhow::Result<String> {
    for _ in 0..LOOKS {
        match get(port, "/readyz").await? {
            (200, told) if ready => return Ok(told),
            (503, told) if !ready => return Ok(told),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    bail!("/readyz does not turn")
}

async fn until_serving(url: &str, wanted: ServingStatus) -> anyhow::Result<()> {
    let channel = Channel::from_shared(url.to_owned())?.connect().await?;
    let mut health = HealthClient::new(channel);
    for service in ["", "selvedge.v1.CollectionService"] {
        let mut looks = 0;
        loop {
            let request = HealthCheckRequest { service: service.to_owned() };
            if health.check(request).await?.into_inner().status() == wanted {
                break;
            }
            looks += 1;
            ensure!(looks < LOOKS, "the health of \"{service}\" is not {wanted:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}
