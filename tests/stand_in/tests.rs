//! The script of faults, and what few other tests need, tried with real clients.

mod classes;
mod objects;
mod references;
mod rights;

use std::time::Duration;

use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{
    AggregateRequest, BatchObject, BatchObjectsRequest, MetadataRequest, SearchReply, SearchRequest,
};
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

use super::faults::{Call, Objects};
use super::{StandIn, StandInOptions};
use crate::harness::weaviate::http_client;

const OBJECTS: u128 = 20;

async fn filled(options: StandInOptions) -> (StandIn, WeaviateClient<Channel>) {
    let stand_in = StandIn::start(options).await.expect("it starts");
    let contents = stand_in.contents();
    contents.create_class(json!({"class": "Wool", "shardingConfig": {"desiredCount": 2}}));
    for number in 1..=OBJECTS {
        contents
            .put(json!({"class": "Wool", "id": Uuid::from_u128(number), "vector": vec![number as f32; 100]}));
    }
    let channel = Channel::from_shared(stand_in.grpc_url()).expect("a URL").connect_lazy();
    (stand_in, WeaviateClient::new(channel))
}

async fn page(client: &mut WeaviateClient<Channel>) -> Result<SearchReply, Status> {
    let metadata = Some(MetadataRequest { uuid: true, vector: true, ..MetadataRequest::default() });
    let request =
        SearchRequest { collection: "Wool".into(), limit: 100, metadata, ..SearchRequest::default() };
    client.search(request).await.map(tonic::Response::into_inner)
}

async fn write(client: &mut WeaviateClient<Channel>, numbers: &[u128]) -> Result<Vec<i32>, Status> {
    let objects = numbers
        .iter()
        .map(|number| BatchObject {
            uuid: Uuid::from_u128(*number).to_string(),
            collection: "Wool".into(),
            ..BatchObject::default()
        })
        .collect();
    let reply = client.batch_objects(BatchObjectsRequest { objects, consistency_level: None }).await?;
    Ok(reply.into_inner().errors.iter().map(|error| error.index).collect())
}

#[tokio::test]
async fn calls_fail_when_and_how_they_are_told() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    let faults = stand_in.faults();
    faults.on(Call::grpc("Search")).from(2).times(2).grpc(Code::Unavailable, "away");
    faults.on(Call::rest("GET", "/v1/schema/*")).http(503, "later");
    assert_eq!(page(&mut client).await.expect("the first").results.len(), 20);
    for _ in 0..2 {
        let status = page(&mut client).await.expect_err("the second and third");
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "away"));
    }
    page(&mut client).await.expect("the fourth");
    let url = format!("{}/v1/schema/Wool", stand_in.rest_url());
    let answer = http_client().get(&url).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body").as_str()), (503, "later"));
    assert!(http_client().get(&url).send().await.expect("an answer").status().is_success());
    assert_eq!((faults.count(&Call::grpc("Search")), faults.count(&Call::Any)), (4, 6));
}

#[tokio::test]
async fn connections_are_cut_before_during_and_after_an_answer() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    let faults = stand_in.faults();
    faults.on(Call::grpc("Search")).cut();
    faults.on(Call::grpc("Search")).from(2).cut_after(3000);
    page(&mut client).await.expect_err("cut before");
    page(&mut client).await.expect_err("cut in the middle");
    page(&mut client).await.expect("connected again");
    faults.on(Call::grpc("BatchObjects")).lose_answer();
    write(&mut client, &[77]).await.expect_err("the answer is lost");
    assert_eq!(stand_in.contents().count("Wool", ""), 21);
    faults.on(Call::rest("GET", "/v1/objects")).cut_after(2000);
    let url = format!("{}/v1/objects?class=Wool&limit=20&include=vector", stand_in.rest_url());
    let answer = http_client().get(&url).send().await.expect("the headers");
    answer.text().await.expect_err("half a body");
}

#[tokio::test]
async fn everything_is_refused_while_down() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    page(&mut client).await.expect("up");
    stand_in.faults().down();
    page(&mut client).await.expect_err("down");
    http_client().get(stand_in.rest_url()).send().await.expect_err("down");
    stand_in.faults().up();
    page(&mut client).await.expect("up again");
}

#[tokio::test]
async fn a_call_can_be_held_and_the_contents_changed_meanwhile() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    let faults = stand_in.faults();
    let held = faults.on(Call::grpc("Search")).hold();
    let asking = tokio::spawn(async move { page(&mut client).await.map(|reply| reply.results.len()) });
    held.reached().await;
    assert!(stand_in.contents().remove("Wool", "", Uuid::from_u128(1)));
    held.release();
    assert_eq!(asking.await.expect("no panic").expect("an answer"), 19);

    let mut client = WeaviateClient::connect(stand_in.grpc_url()).await.expect("connected");
    faults.on(Call::grpc("Search")).before(|contents| contents.put(json!({"class": "Wool"})));
    assert_eq!(page(&mut client).await.expect("an answer").results.len(), 20);
    faults.on(Call::grpc("Search")).delay(Duration::from_millis(1));
    page(&mut client).await.expect("an answer, later");
}

#[tokio::test]
async fn single_objects_are_refused() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    let rule = || stand_in.faults().on(Call::grpc("BatchObjects"));
    rule().refuse_objects(Objects::Every(2), "memory");
    assert_eq!(write(&mut client, &[31, 32, 33, 34]).await.expect("an answer"), [1, 3]);
    rule().refuse_objects(Objects::Ids(vec![Uuid::from_u128(42)]), "disk");
    assert_eq!(write(&mut client, &[41, 42]).await.expect("an answer"), [1]);
    assert_eq!(write(&mut client, &[41, 42]).await.expect("an answer"), [0; 0]);
    assert_eq!(stand_in.contents().count("Wool", ""), 24);
}

#[tokio::test]
async fn a_hidden_shard_is_missing_without_an_error() {
    let (stand_in, mut client) = filled(StandInOptions::default()).await;
    let contents = stand_in.contents();
    contents.hide_shard("Wool", &contents.shards("Wool")[0]);
    let left = page(&mut client).await.expect("no error").results.len();
    assert!(0 < left && left < 20, "{left}");
    let count =
        AggregateRequest { collection: "Wool".into(), objects_count: true, ..AggregateRequest::default() };
    let counted = format!("{:?}", client.aggregate(count).await.expect("no error").into_inner());
    assert!(counted.contains(&format!("Some({left})")), "{counted}");
    let get = |path: &str| http_client().get(format!("{}{path}", stand_in.rest_url())).send();
    assert_eq!(get("/v1/schema/Wool/shards").await.expect("an answer").status(), 500);
    let nodes: Value = get("/v1/nodes?output=verbose").await.expect("an answer").json().await.expect("JSON");
    assert_eq!(nodes["nodes"][0]["stats"]["shardCount"], 1);
    contents.show_shards("Wool");
    assert_eq!(page(&mut client).await.expect("no error").results.len(), 20);
}

#[tokio::test]
async fn keys_sizes_and_versions_are_minded() {
    let options = StandInOptions { max_message_bytes: 5_000, ..StandInOptions::default() };
    let (_small, mut client) = filled(options).await;
    assert_eq!(page(&mut client).await.expect_err("too long").code(), Code::ResourceExhausted);

    let (_old, mut client) =
        filled(StandInOptions { version: "1.27.27".into(), ..StandInOptions::default() }).await;
    let status = client.aggregate(AggregateRequest::default()).await.expect_err("too old");
    assert_eq!(status.code(), Code::Unimplemented);

    let (locked, mut client) =
        filled(StandInOptions { api_key: Some("key".into()), ..StandInOptions::default() }).await;
    let status = page(&mut client).await.expect_err("no key");
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unknown, "extract auth: unauthorized: invalid api key")
    );
    let meta = || http_client().get(format!("{}/v1/meta", locked.rest_url()));
    assert_eq!(meta().send().await.expect("an answer").status(), 401);
    assert_eq!(meta().bearer_auth("key").send().await.expect("an answer").status(), 200);
}
