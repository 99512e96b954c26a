//! gRPC calls: awkward objects in by REST and by gRPC, and out by Search.

mod searches;
mod show;
mod values;
mod vectors;

use selvedge_proto::weaviate::tenants_get_request::Params;
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{
    AggregateRequest, BatchObject, BatchObjectsRequest, SearchRequest, TenantNames, TenantsGetRequest,
};
use selvedge_tests::harness::weaviate::Weaviate;
use tonic::transport::Channel;

use super::{Transcript, rest};

type Client = WeaviateClient<Channel>;

/// What was written over gRPC, over REST.
const READ_AFTERWARDS: &str = "
GET /v1/objects?class=Named&limit=100&include=vector
GET /v1/objects?class=Odd&limit=100&include=vector
GET /v1/objects?class=Odd&limit=100
GET /v1/objects/Odd/00000000-0000-0000-0000-0000000c0016?include=vector
GET /v1/objects/Odd/00000000-0000-0000-0000-0000000c0016
GET /v1/.well-known/ready
";

pub async fn play(weaviate: &Weaviate) -> anyhow::Result<Transcript> {
    let mut client =
        WeaviateClient::connect(weaviate.grpc_url()).await?.max_decoding_message_size(usize::MAX);
    let mut transcript = Transcript::new();
    for (at, properties) in values::VALUES.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate()
    {
        let rest_id = format!("00000000-0000-0000-0000-0000000a{at:04x}");
        let put = format!(
            r#"POST /v1/batch/objects {{"objects":[{{"class":"AllTypes","id":"{rest_id}","properties":{properties}}}]}}
               GET /v1/objects/AllTypes/{rest_id}"#
        );
        transcript.extend(rest::play(weaviate, &put).await?);
        let object = values::object(&format!("00000000-0000-0000-0000-0000000b{at:04x}"), properties)?;
        transcript.push((format!("BatchObjects {properties}"), batch(&mut client, vec![object]).await));
    }
    vectors::play(&mut client, &mut transcript).await;
    for (name, request) in searches::searches() {
        transcript.push((name, search(&mut client, request).await));
    }
    counts_and_tenants(&mut client, &mut transcript).await;
    transcript.extend(rest::play(weaviate, READ_AFTERWARDS).await?);
    Ok(transcript)
}

async fn batch(client: &mut Client, objects: Vec<BatchObject>) -> String {
    match client.batch_objects(BatchObjectsRequest { objects, consistency_level: None }).await {
        Ok(reply) => {
            let mut errors = reply.into_inner().errors;
            errors.sort_by_key(|error| error.index);
            errors
                .iter()
                .map(|error| format!("{}: {}", error.index, error.error))
                .collect::<Vec<_>>()
                .join("; ")
        }
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

async fn search(client: &mut Client, request: SearchRequest) -> String {
    let is_sorted = request.filters.is_none();
    match client.search(request).await {
        Ok(reply) if is_sorted => show::show(&reply.into_inner()),
        Ok(reply) => {
            let mut reply = reply.into_inner();
            reply.results.sort_by_key(|result| result.metadata.as_ref().map(|metadata| metadata.id.clone()));
            show::show(&reply)
        }
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

async fn counts_and_tenants(client: &mut Client, transcript: &mut Transcript) {
    for (class, tenant) in [
        ("AllTypes", ""),
        ("three", ""),
        ("Mt", ""),
        ("Mt", "a"),
        ("Mt", "b"),
        ("Mt", "nope"),
        ("Nope", ""),
        ("Flat", "a"),
    ] {
        for limit in [None, Some(1)] {
            let request = AggregateRequest {
                collection: class.into(),
                tenant: tenant.into(),
                objects_count: true,
                limit,
            };
            let answer = match client.aggregate(request).await {
                Ok(reply) => format!("{:?}", reply.into_inner()),
                Err(status) => format!("{:?}: {}", status.code(), status.message()),
            };
            transcript.push((format!("Aggregate {class} {tenant:?} {limit:?}"), answer));
        }
    }
    for (class, names) in [
        ("Mt", None),
        ("Mt", Some(vec!["a", "nope"])),
        ("Mt", Some(vec![])),
        ("Flat", None),
        ("Nope", None),
        ("", None),
    ] {
        let values = names.map(|names| names.into_iter().map(String::from).collect());
        let params = values.map(|values| Params::Names(TenantNames { values }));
        let asked = format!("TenantsGet {class} {params:?}");
        let answer = match client.tenants_get(TenantsGetRequest { collection: class.into(), params }).await {
            Ok(reply) => {
                let mut tenants = reply.into_inner().tenants;
                tenants.sort_by(|a, b| a.name.cmp(&b.name));
                format!("{tenants:?}")
            }
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        };
        transcript.push((asked, answer));
    }
}
