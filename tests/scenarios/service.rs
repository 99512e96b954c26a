//! The service as strangers meet it: through reflection, and through the client.

use anyhow::{Context, ensure};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use selvedge_tests::harness::raw_codec::RawCodec;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use tonic::Request;
use tonic::client::Grpc;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::round_trip::all_kinds;
use crate::runner::programs;

/// Everything the server tells of a service, and of what it is built from.
async fn descriptors(world: &World, service: &str) -> anyhow::Result<DescriptorPool> {
    let mut client = ServerReflectionClient::new(world.channel().await?);
    let mut pool = DescriptorPool::new();
    let mut wanted = vec![MessageRequest::FileContainingSymbol(service.to_owned())];
    let mut files = Vec::new();
    while let Some(request) = wanted.pop() {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await?.into_inner();
        let answer = answers.next().await.context("no answer")??;
        let Some(MessageResponse::FileDescriptorResponse(response)) = answer.message_response else {
            anyhow::bail!("no descriptor of {service}: {answer:?}");
        };
        for bytes in response.file_descriptor_proto {
            let file = prost_types::FileDescriptorProto::decode(bytes.as_slice())?;
            if files.iter().all(|other: &prost_types::FileDescriptorProto| other.name != file.name) {
                wanted.extend(file.dependency.iter().cloned().map(MessageRequest::FileByFilename));
                files.push(file);
            }
        }
    }
    pool.add_file_descriptor_protos(files)?;
    Ok(pool)
}

/// Calls a streaming method with a request in JSON, and returns what came in JSON.
async fn call(
    world: &World,
    pool: &DescriptorPool,
    service: &str,
    method: &str,
    request: Value,
) -> anyhow::Result<Vec<Value>> {
    let service = pool.get_service_by_name(service).context("the service is not described")?;
    let method = service.methods().find(|m| m.name() == method).context("the method is not described")?;
    let path = format!("/{}/{}", service.full_name(), method.name()).parse()?;
    let message = DynamicMessage::deserialize(method.input(), request)?.encode_to_vec();
    let mut grpc = Grpc::new(world.channel().await?);
    grpc.ready().await?;
    let mut stream = grpc.server_streaming(Request::new(message), path, RawCodec).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(bytes) = stream.next().await {
        answers.push(to_json(method.output(), &bytes?)?);
    }
    Ok(answers)
}

fn to_json(descriptor: MessageDescriptor, bytes: &[u8]) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(DynamicMessage::decode(descriptor, bytes)?)?)
}

pub async fn reflection_alone_is_enough_to_back_up(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 2_000).await?;
    let service = "selvedge.v1.CollectionService";
    let pool = descriptors(world, service).await?;
    let answers =
        call(world, &pool, service, "Backup", json!({"collections": ["M*"], "backupId": "r"})).await?;
    let last = &answers.last().context("no answer")?["job"];
    ensure!(last["state"] == "JOB_STATE_SUCCEEDED" && last["progress"]["objectsDone"] == "2000", "{last}");
    ensure!(answers.len() > 1, "the first message comes before the job has ended");
    ensure!(answers[0]["job"]["id"] == last["id"]);
    world.succeed(&["show", "r"]).await?;
    Ok(())
}

pub async fn the_client_shows_what_there_is(world: &mut World) -> anyhow::Result<()> {
    all_kinds(world).await?;
    let shown = world.succeed(&["--json", "collections"]).await?.out;
    let collections: Vec<Value> = shown.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for collection in &collections {
        let name = collection["name"].as_str().context("a collection without a name")?;
        if collection["multi_tenant"] != true {
            let counted = world.rest.count(name, None).await? as u64;
            ensure!(collection["objects"] == counted, "{collection}, counted {counted}");
        }
    }
    world.succeed(&["backup", "--id", "one"]).await?;
    for collection in &collections {
        let name = collection["name"].as_str().unwrap_or_default();
        let shown = world.succeed(&["--json", "show", "one", name, "--tenants", "--files"]).await?.out;
        let shown: Value = serde_json::from_str(&shown)?;
        ensure!(shown["schema"] == world.rest.get(&format!("/v1/schema/{name}")).await?, "{shown}");
        let sum = |of: &Value| {
            of.as_array().into_iter().flatten().filter_map(|one| one["objects"].as_u64()).sum::<u64>()
        };
        ensure!(sum(&shown["files"]) == shown["collection"]["objects"], "{shown}");
        if collection["multi_tenant"] == true {
            ensure!(sum(&shown["tenants"]) == shown["collection"]["objects"], "{shown}");
        }
    }
    world.succeed(&["backup", "--id", "two", "--schema-only"]).await?;
    let listed = world.succeed(&["list"]).await?.out;
    ensure!(listed.find("two") < listed.find("one"), "newest first:\n{listed}");
    ensure!(listed.contains("full") && listed.contains("schema"), "{listed}");
    let jobs = world.succeed(&["jobs", "list"]).await?.out;
    ensure!(jobs.lines().count() == 3, "a head and two jobs:\n{jobs}");
    Ok(())
}

/// The example of `selvedge_ops`.
#[allow(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../server/ops/examples/backup.rs"]
mod example;

pub async fn another_program_makes_a_backup(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    let folder = world.folder().to_str().context("a folder whose name is text")?;
    let (rest_url, grpc_url) = (world.weaviate.rest_url(), world.weaviate.grpc_url());
    let said = example::back_up(&rest_url, &grpc_url, folder).await;
    let said = said.map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(said == "back up all collections: 30 objects", "{said}");
    let ids = world.backup_ids().await?;
    world.succeed(&["verify", &ids[0], "--against-live"]).await.map(drop)
}

/// As the script of a shell calls the client.
async fn complete_once(server: &str, typed: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut client = programs().await?.client(server);
    client.env("SELVEDGE_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    client.env("_CLAP_COMPLETE_INDEX", (typed.len() - 1).to_string());
    let done = client.arg("--").args(typed).output().await?;
    ensure!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    Ok(String::from_utf8(done.stdout)?.lines().map(str::to_owned).collect::<Vec<_>>())
}

/// The same, with something that has to be among it: a shell waits for a moment only, in which a busy machine may not have answered.
async fn complete(server: &str, typed: &[&str], wanted: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for _ in 0..20 {
        found = complete_once(server, typed).await?;
        if found.iter().any(|one| one == wanted) {
            return Ok(found);
        }
    }
    anyhow::bail!("{typed:?} is not completed by {wanted}: {found:?}")
}

pub async fn a_shell_completes_what_there_is(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::every_type(&world.rest, "Author", 30).await?;
    world.succeed(&["backup", "Article", "--id", "nightly"]).await?;
    let here = world.server_url();
    let found = complete(here, &["selvedge", "show", ""], "nightly").await?;
    ensure!(found.iter().any(|one| one == "latest"), "{found:?}");
    ensure!(complete(here, &["selvedge", "show", "ni"], "nightly").await? == ["nightly"]);
    let found = complete(here, &["selvedge", "clear", "A"], "Article").await?;
    ensure!(found.iter().any(|one| one == "Author"), "{found:?}");
    let found = complete(here, &["selvedge", "restore", "nightly", "A"], "Article").await?;
    ensure!(found == ["Article"], "the backup has no other: {found:?}");
    let found = complete(here, &["selvedge", "--json", "restore", "nightly", "A"], "Article").await?;
    ensure!(found == ["Article"], "{found:?}");
    complete(here, &["selvedge", "jobs", "watch", "la"], "last").await?;
    ensure!(complete(here, &["selvedge", "ver"], "verify").await? == ["verify"]);
    // Where nobody answers there is nothing to suggest, and no word of that.
    let found = complete_once("http://127.0.0.1:9", &["selvedge", "show", "ni"]).await?;
    ensure!(found.is_empty(), "{found:?}");
    complete("http://127.0.0.1:9", &["selvedge", "--server", here, "show", "ni"], "nightly").await?;
    Ok(())
}
