//! Who may call, and who is sent away.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::stream::{self, StreamExt};
use prost_reflect::DescriptorPool;
use selvedge_proto::FILE_DESCRIPTOR_SET;
use selvedge_server::access::{Callers, Token};
use selvedge_server::config::Security;
use selvedge_server::listener::{Certificates, Tls};
use selvedge_tests::harness::authority::{Authority, Pair};
use selvedge_tests::harness::raw_codec::RawCodec;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Ran, Serving, World};
use selvedge_tests::stand_in::faults::Call;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};

use crate::jobs::job_id;

const ROLES: [&str; 3] = ["read", "operate", "destroy"];

/// A token of each role, in a file that is named as its role, and the file of callers.
fn tokens(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut list = String::new();
    for role in ROLES {
        let token = Token::generate();
        std::fs::write(folder.join(role), token.reveal())?;
        let hash = token.hash();
        list += &format!("[[tokens]]\nname = \"the {role} one\"\nrole = \"{role}\"\nblake3 = \"{hash}\"\n");
    }
    let file = folder.join("callers.toml");
    std::fs::write(&file, list)?;
    Ok(file)
}

async fn serve(world: &mut World, security: Security) -> anyhow::Result<()> {
    world.serve_with(Serving { security: Some(security), ..Serving::default() }).await
}

/// Runs the client as the holder of the token in a file.
async fn run_as(world: &World, token: &Path, arguments: &[&str]) -> anyhow::Result<Ran> {
    let token = token.to_str().context("a path that is text")?;
    Ok(world.run(&[&["--token-file", token], arguments].concat()).await)
}

pub async fn each_role_may_do_what_it_may(world: &mut World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    seed::every_type(&world.rest, "Article", 30).await?;
    let callers = Callers::load(Some(&tokens(folder.path())?), false)?;
    serve(world, Security { certificates: None, callers }).await?;
    let ran = async |role: &str, arguments: &[&str], code: u8| {
        let ran = run_as(world, &folder.path().join(role), arguments).await?;
        ensure!(ran.code == code, "{role}, {arguments:?}: {ran:?}");
        anyhow::Ok(ran)
    };
    ran("operate", &["backup", "--id", "b"], 0).await?;
    ran("read", &["list"], 0).await?;
    ran("read", &["show", "b"], 0).await?;
    ran("read", &["collections"], 0).await?;
    let shown = ran("read", &["--json", "jobs", "list"], 0).await?;
    ensure!(shown.out.contains("the operate one"), "a job forgets who asked for it: {}", shown.out);
    for arguments in [&["backup"][..], &["restore", "b"], &["verify", "b"], &["export", "b", "Article"]] {
        let refused = ran("read", arguments, 4).await?;
        ensure!(refused.err.contains("has the role \"read\""), "{refused:?}");
    }
    ran("operate", &["verify", "b"], 0).await?;
    ran("operate", &["restore", "b", "--rename", "Article=Copy"], 0).await?;
    let replace = &["restore", "b", "Article", "--if-exists", "replace", "--yes"][..];
    let overwrite = &["restore", "b", "--data-only", "--on-conflict", "overwrite"][..];
    for role in ["read", "operate"] {
        let roles = &["restore", "b", "--rename", "Article=Other", "--roles"][..];
        for arguments in [overwrite, &["clear", "Article", "--yes"][..], replace, &["prune", "--yes"], roles]
        {
            ran(role, arguments, 4).await?;
        }
    }
    // What it may not begin, it may not end either.
    let dropping = world.stand_in().faults().on(Call::rest("DELETE", "/v1/schema/Copy")).hold();
    let started = ran("destroy", &["--json", "clear", "Copy", "--yes", "--detach"], 0).await?;
    let id = job_id(&started)?;
    dropping.reached().await;
    ran("operate", &["jobs", "cancel", &id], 4).await?;
    dropping.release();
    ran("destroy", &["jobs", "watch", &id], 0).await?;
    ran("destroy", replace, 0).await?;
    ran("destroy", &["clear", "Copy", "--yes"], 0).await?;
    ran("destroy", &["prune", "--yes"], 0).await.map(drop)
}

/// Every method that the server has, called with nothing in it.
pub async fn no_token_no_call(world: &mut World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let callers = Callers::load(Some(&tokens(folder.path())?), false)?;
    serve(world, Security { certificates: None, callers }).await?;
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    let methods = pool.services().filter(|service| service.package_name().starts_with("selvedge"));
    let paths = methods.flat_map(|service| {
        service
            .methods()
            .map(|method| format!("/{}/{}", service.full_name(), method.name()))
            .collect::<Vec<_>>()
    });
    let mut paths: Vec<_> = paths.collect();
    paths.push("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned());
    ensure!(paths.len() > 16, "{paths:?}");
    let read = std::fs::read_to_string(folder.path().join("read"))?;
    let almost = format!("{}0", &read[..read.len() - 1]);
    for path in &paths {
        for shown in [None, Some("Bearer "), Some(almost.as_str())] {
            ensure!(call(world, path, shown).await? == Code::Unauthenticated, "{path} with {shown:?}");
        }
        let method = path.rsplit('/').next().unwrap_or_default();
        let harmless =
            ["List", "Get", "Watch", "ServerReflection"].iter().any(|word| method.starts_with(word))
                && method != "ListFailures";
        let answered = call(world, path, Some(&format!("Bearer {read}"))).await?;
        ensure!(
            (answered == Code::PermissionDenied) != harmless,
            "{path} with a token to read: {answered:?}"
        );
    }
    // Whoever only looks whether the server runs needs none.
    ensure!(call(world, "/grpc.health.v1.Health/Check", None).await? == Code::Ok);
    Ok(())
}

async fn call(world: &World, path: &str, shown: Option<&str>) -> anyhow::Result<Code> {
    let mut grpc = Grpc::new(world.channel().await?);
    grpc.ready().await?;
    let mut request = Request::new(tokio_stream::once(Vec::new()));
    if let Some(shown) = shown {
        request.metadata_mut().insert("authorization", shown.parse()?);
    }
    match grpc.streaming(request, PathAndQuery::try_from(path)?, RawCodec).await {
        Ok(answer) => match answer.into_inner().message().await {
            Ok(_) => Ok(Code::Ok),
            Err(status) => Ok(status.code()),
        },
        Err(status) => Ok(status.code()),
    }
}

pub async fn wrong_tokens_do_not_stop_a_job(world: &mut World) -> anyhow::Result<()> {
    const WRONG: usize = 3000;
    /// Fewer than the server has streams for on a connection, which would refuse more of them for another reason.
    const AT_ONCE: usize = 64;
    let folder = tempfile::tempdir()?;
    seed::every_type(&world.rest, "Article", 500).await?;
    let callers = Callers::load(Some(&tokens(folder.path())?), false)?;
    serve(world, Security { certificates: None, callers }).await?;
    let reading = world.stand_in().faults().on(Call::grpc("Search")).hold();
    let operate = folder.path().join("operate");
    let id = job_id(&run_as(world, &operate, &["--json", "backup", "--id", "b", "--detach"]).await?)?;
    reading.reached().await;
    let channel = world.channel().await?;
    let guesses = (0..WRONG).map(move |guess| {
        let mut jobs = selvedge_proto::v1::job_service_client::JobServiceClient::new(channel.clone());
        async move {
            let mut request = Request::new(selvedge_proto::v1::ListJobsRequest::default());
            let shown = format!("Bearer selvedge_{guess}").parse().expect("a header");
            request.metadata_mut().insert("authorization", shown);
            jobs.list_jobs(request).await.expect_err("a guess is no token")
        }
    });
    let guesses = tokio::spawn(stream::iter(guesses).buffer_unordered(AT_ONCE).collect::<Vec<_>>());
    reading.release();
    let watched = run_as(world, &operate, &["jobs", "watch", &id]).await?;
    ensure!(watched.code == 0, "{watched:?}");
    for status in guesses.await? {
        ensure!(status.code() == Code::Unauthenticated, "a guess was not refused for what it is: {status:?}");
    }
    Ok(())
}

/// The client's options for a server with TLS.
fn over_tls<'a>(authority: &'a str, own: Option<&'a Pair>) -> Vec<&'a str> {
    let mut options = vec!["--ca-file", authority];
    if let Some(Pair { cert, key }) = own {
        options.extend(["--client-cert", text(cert), "--client-key", text(key)]);
    }
    options
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

pub async fn certificates_are_checked(world: &mut World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let other = Authority::new(folder.path(), "other")?;
    let host = ["localhost", "127.0.0.1"];
    let Pair { cert, key } = ours.sign(&host)?;
    let tls = Tls { cert: cert.clone(), key: key.clone(), client_ca: Some(ours.file()) };
    let callers = folder.path().join("callers.toml");
    std::fs::write(
        &callers,
        "[[certificates]]\nname = 'the board'\nrole = 'read'\ndns_name = 'board.example.com'",
    )?;
    let callers = Callers::load(Some(&callers), true)?;
    let certificates = Some(Arc::new(Certificates::load(tls.clone(), callers.need_certificates())?));
    serve(world, Security { certificates, callers }).await?;

    let (ca, other_ca) = (ours.file(), other.file());
    let run = async |authority: &Path, own: Option<&Pair>, arguments: &[&str]| {
        world.run(&[&over_tls(text(authority), own)[..], arguments].concat()).await
    };
    let board = ours.sign(&["board.example.com"])?;
    let ran = run(&ca, Some(&board), &["list"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let ran = run(&ca, Some(&board), &["backup"]).await;
    ensure!(ran.code == 4 && ran.err.contains("the board has the role"), "{ran:?}");
    let ran = run(&ca, Some(&ours.sign(&["stranger.example.com"])?), &["list"]).await;
    ensure!(ran.code == 4, "one that is in no list: {ran:?}");

    let forged = other.sign(&["board.example.com"])?;
    let expired = ours.sign_expired(&["board.example.com"])?;
    for (what, own) in [("a forged one", &forged), ("an expired one", &expired)] {
        let ran = run(&ca, Some(own), &["list"]).await;
        ensure!(ran.code == 3, "{what}: {ran:?}");
    }
    let ran = run(&ca, None, &["list"]).await;
    ensure!(ran.code == 4, "none: {ran:?}");
    let ran = run(&other_ca, Some(&board), &["list"]).await;
    ensure!(ran.code == 3, "a server whose authority nobody knows: {ran:?}");
    let plain = world.server_url().replace("https", "http");
    let ran = selvedge_tests::harness::world::run_client(&plain, &["list"], None).await;
    ensure!(ran.code == 3, "without TLS: {ran:?}");

    // A cut file is not taken, and the server goes on with what it had.
    let whole = std::fs::read_to_string(&cert)?;
    std::fs::write(&cert, &whole[..whole.len() / 2])?;
    ensure!(Certificates::load(tls, true).is_err(), "a cut certificate was taken");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let ran = run(&ca, Some(&board), &["list"]).await;
    ensure!(ran.code == 0, "after a bad rotation: {ran:?}");
    // Another authority's: whoever trusts that one is served, without a restart.
    let rotated = other.sign(&host)?;
    std::fs::copy(&rotated.key, &key)?;
    std::fs::copy(&rotated.cert, &cert)?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let ran = run(&other_ca, Some(&board), &["list"]).await;
    ensure!(ran.code == 0, "after a rotation: {ran:?}");
    Ok(())
}

/// A place that somebody keeps who does not talk is lost to everybody else.
pub async fn who_says_nothing_is_sent_away(world: &mut World) -> anyhow::Result<()> {
    let address = world.server_url().trim_start_matches("http://").to_owned();
    let mut silent = TcpStream::connect(&address).await?;
    let mut talking = world.jobs().await?;
    let closed = tokio::time::timeout(Duration::from_secs(20), silent.read_u8()).await;
    // Whatever it reads before, such as the server's own settings, ends.
    let closed = closed.context("a silent connection is kept")?;
    if closed.is_ok() {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut rest)).await;
        ended.context("a silent connection is kept")?.ok();
    }
    // Who has talked before may be silent now.
    talking.list_jobs(selvedge_proto::v1::ListJobsRequest::default()).await?;
    Ok(())
}
