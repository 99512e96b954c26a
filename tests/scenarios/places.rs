//! Several clusters and repositories, as a file names them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::routing::post;
use selvedge_tests::harness::authority::Authority;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::object_server::{ObjectServer, SECRET_KEY, StoreKind};
use selvedge_tests::harness::programs::ServerProcess;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::tls_front::TlsFront;
use selvedge_tests::harness::weaviate::{Weaviate, WeaviateOptions};
use selvedge_tests::harness::world::{World, run_client};
use selvedge_tests::stand_in::faults::Call;
use tokio::net::TcpListener;

use crate::round_trip::same;
use crate::runner::programs;

const KEY: &str = "a-key-that-nobody-may-see";
const PASSPHRASE: &str = "a-passphrase-that-nobody-may-see";

pub async fn back_up_from_one_and_restore_to_another(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 100).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;
    let guarded = WeaviateOptions { api_key: Some(KEY.to_owned()), ..WeaviateOptions::default() };
    let other = World::new(Arc::new(Weaviate::start(world.weaviate.flavour(), guarded).await?)).await?;
    let folder = tempfile::tempdir()?;
    let bucket = ObjectServer::start(StoreKind::S3, folder.path()).await?;
    let config = folder.path().join("selvedge.toml");
    let (here, there) = (&world.weaviate, &other.weaviate);
    let options = bucket.repository().options;
    let options: Vec<_> =
        options.iter().map(|option| format!("{} = \"{}\"", option.key, option.value)).collect();
    std::fs::write(
        &config,
        format!(
            "log = \"trace\"\n[clusters.eu]\nurl = \"{}\"\ngrpc_url = \"{}\"\n\n\
             [clusters.us]\nurl = \"{}\"\ngrpc_url = \"{}\"\napi_key = \"{KEY}\"\n\n\
             [repositories.disk]\nurl = \"{}\"\ncreate = true\n\
             encryption = {{ passphrase_command = [\"echo\", \"{PASSPHRASE}\"] }}\n\n\
             [repositories.bucket]\nurl = \"s3://selvedge/in/a/folder\"\ncreate = true\n{}\n",
            here.rest_url(),
            here.grpc_url(),
            there.rest_url(),
            there.grpc_url(),
            folder.path().join("disk").display(),
            options.join("\n"),
        ),
    )?;
    let log = folder.path().join("server.log");
    let server = ServerProcess::of_file(programs().await?, &config, &log).await?;
    let run = async |arguments: &[&str], code: u8, told: &str| {
        let ran = run_client(&server.url, arguments, None).await;
        let is_told = format!("{}{}", ran.out, ran.err).contains(told);
        ensure!(ran.code == code && is_told, "{arguments:?}: {ran:?}\n{}", server.log_tail());
        anyhow::Ok(())
    };
    run(&["backup", "--id", "b", "--repository", "bucket"], 7, "which cluster is meant?").await?;
    run(&["backup", "--id", "b", "--cluster", "asia"], 7, "\"eu\", \"us\"").await?;
    run(&["backup", "--id", "b", "--cluster", "eu", "--repository", "bucket"], 0, "").await?;
    run(&["backup", "--id", "on-disk", "--cluster", "eu", "--repository", "disk"], 0, "").await?;
    run(&["list", "--repository", "bucket"], 0, "100").await?;
    run(&["show", "b", "--repository", "disk"], 7, "there is no backup b").await?;
    run(&["restore", "b", "--cluster", "us", "--repository", "bucket"], 0, "").await?;
    same(&before, &Census::take(&other.rest.clone().with_key(KEY), &["Article"]).await?)?;
    run(&["verify", "on-disk", "--against-live", "--cluster", "us", "--repository", "disk"], 0, "").await?;
    // Wherever anything is written down, and whatever the log is asked for.
    let journals = texts(folder.path())?;
    for secret in [KEY, SECRET_KEY, PASSPHRASE, "AGE-SECRET-KEY"] {
        ensure!(!journals.contains(secret), "a secret was written down");
    }
    Ok(())
}

/// All files below a folder but the configuration.
fn texts(folder: &std::path::Path) -> anyhow::Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text += &texts(&path)?;
        } else if path.extension().is_none_or(|extension| extension != "toml") {
            text += &String::from_utf8_lossy(&std::fs::read(&path)?);
        }
    }
    Ok(text)
}

/// A provider of identities that gives the key as a token which is good for a second.
async fn provider() -> anyhow::Result<(String, Arc<AtomicUsize>)> {
    async fn token(State(asked): State<Arc<AtomicUsize>>, form: String) -> axum::response::Response {
        use axum::response::IntoResponse;
        asked.fetch_add(1, Ordering::SeqCst);
        if !form.contains("grant_type=client_credentials") || !form.contains("client_secret=right") {
            let body = r#"{"error": "invalid_client", "error_description": "right is not right"}"#;
            return (axum::http::StatusCode::UNAUTHORIZED, body).into_response();
        }
        serde_json::json!({"access_token": KEY, "expires_in": 1, "token_type": "bearer"})
            .to_string()
            .into_response()
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/token", listener.local_addr()?);
    let routes = axum::Router::new().route("/token", post(token)).with_state(Arc::clone(&asked));
    tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
    Ok((url, asked))
}

pub async fn a_token_is_asked_for_and_renewed(world: &mut World) -> anyhow::Result<()> {
    let guarded = WeaviateOptions { api_key: Some(KEY.to_owned()), ..WeaviateOptions::default() };
    let guarded = Weaviate::start(world.weaviate.flavour(), guarded).await?;
    let rest = selvedge_tests::harness::rest::Rest::new(&guarded.rest_url()).with_key(KEY);
    seed::every_type(&rest, "Article", 3000).await?;
    let (url, asked) = provider().await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("selvedge.toml");
    let file = |secret: &str| {
        format!(
            "[clusters.default]\nurl = \"{}\"\ngrpc_url = \"{}\"\n[clusters.default.oidc]\ntoken_url = \"{url}\"\n\
             client_id = \"selvedge\"\nclient_secret = \"{secret}\"\n[repositories.default]\nurl = \"{}\"\ncreate = true\n",
            guarded.rest_url(),
            guarded.grpc_url(),
            folder.path().join("disk").display(),
        )
    };
    std::fs::write(&config, file("right"))?;
    let log = folder.path().join("server.log");
    let server = ServerProcess::of_file(programs().await?, &config, &log).await?;
    if let Some(stand_in) = guarded.stand_in() {
        // Long enough for a token to end; and one is refused before its time.
        stand_in.faults().on(Call::grpc("Search")).times(8).delay(std::time::Duration::from_millis(400));
        stand_in
            .faults()
            .on(Call::grpc("Search"))
            .from(4)
            .grpc(tonic::Code::Unauthenticated, "token is expired");
    }
    let ran = run_client(&server.url, &["backup", "--id", "b"], None).await;
    ensure!(ran.code == 0, "{ran:?}\n{}", server.log_tail());
    let ran = run_client(&server.url, &["verify", "b", "--against-live"], None).await;
    ensure!(ran.code == 0, "{ran:?}\n{}", server.log_tail());
    ensure!(asked.load(Ordering::SeqCst) > 1, "a token was used beyond its time");

    std::fs::write(&config, file("wrong"))?;
    let server = ServerProcess::of_file(programs().await?, &config, &log).await?;
    let ran = run_client(&server.url, &["backup", "--id", "c"], None).await;
    ensure!(
        ran.code == 1 && ran.err.contains("invalid_client") && ran.err.contains("client_secret"),
        "{ran:?}"
    );
    ensure!(
        !ran.err.contains("right is not right"),
        "it repeats what a provider may have been told: {ran:?}"
    );
    Ok(())
}

pub async fn a_check_tells_what_is_not_as_jobs_need_it(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let ran = world.succeed(&["check"]).await?;
    for line in [
        "connection: Weaviate",
        "permissions: the key sees everything: 1 collection",
        "page size:",
        "write:",
        "create:",
        "delete:",
    ] {
        ensure!(ran.out.contains(line), "no {line} in\n{}", ran.out);
    }
    ensure!(!ran.out.contains("fail") && !ran.out.contains("warn"), "{}", ran.out);
    let left = std::fs::read_dir(world.folder().join("probes")).map_or(0, Iterator::count);
    ensure!(left == 0, "something is left behind");
    let ran = world.succeed(&["--json", "check"]).await?;
    let outcomes =
        ran.out.lines().map(|line| Ok(serde_json::from_str::<serde_json::Value>(line)?["outcome"].clone()));
    ensure!(
        outcomes.collect::<anyhow::Result<Vec<_>>>()?.iter().all(|outcome| outcome == "ok"),
        "{}",
        ran.out
    );

    if let Some(stand_in) = world.weaviate.stand_in() {
        stand_in.faults().down();
        let ran = world.refuse(&["check"], 1, "one thing is not as jobs need it").await?;
        ensure!(ran.out.contains("fail  connection:") && ran.out.contains("next:"), "{}", ran.out);
        stand_in.faults().up();
    }
    Ok(())
}

/// One that no system knows, before the cluster and before the object store.
pub async fn an_own_authority_is_trusted(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 100).await?;
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path(), "ours")?;
    let certificate = authority.sign(&["localhost"])?;
    let bucket = ObjectServer::start(StoreKind::S3, folder.path()).await?;
    let options = bucket.repository().options;
    let endpoint = options.iter().find(|option| option.key == "aws_endpoint").context("an endpoint")?;
    let rest = TlsFront::start(&certificate, "http/1.1", &world.weaviate.rest_url()).await?;
    let grpc = TlsFront::start(&certificate, "h2", &world.weaviate.grpc_url()).await?;
    let store = TlsFront::start(&certificate, "http/1.1", &endpoint.value).await?;
    let file = |trust: &str| {
        let keys = options.iter().filter(|option| option.key != "aws_endpoint");
        let keys: Vec<_> = keys.map(|option| format!("{} = \"{}\"", option.key, option.value)).collect();
        format!(
            "[clusters.default]\nurl = \"{}\"\ngrpc_url = \"{}\"\n{trust}\n\
             [repositories.default]\nurl = \"s3://selvedge\"\nendpoint = \"{}\"\ncreate = true\n{}\n{trust}\n",
            rest.url(),
            grpc.url(),
            store.url(),
            keys.join("\n"),
        )
    };
    let config = folder.path().join("selvedge.toml");
    std::fs::write(&config, file(&format!("ca_file = \"{}\"", authority.file().display())))?;
    let log = folder.path().join("server.log");
    let server = ServerProcess::of_file(programs().await?, &config, &log).await?;
    for arguments in [&["backup", "--id", "b"][..], &["verify", "b", "--against-live"], &["check"]] {
        let ran = run_client(&server.url, arguments, None).await;
        ensure!(ran.code == 0, "{arguments:?}: {ran:?}\n{}", server.log_tail());
    }
    drop(server);
    std::fs::write(&config, file(""))?;
    let refused = ServerProcess::of_file(programs().await?, &config, &log).await.err();
    let refused = refused.context("an authority that nobody knows was trusted")?.to_string();
    ensure!(refused.contains("certificate") && refused.contains("ca_file"), "{refused}");
    Ok(())
}
