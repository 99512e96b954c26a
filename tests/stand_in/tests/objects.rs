//! Objects: sleeping tenants, and shards on another node.

use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{SearchRequest, TenantsGetRequest};
use serde_json::json;

use crate::harness::rest::Rest;
use crate::stand_in::{StandIn, StandInOptions};

/// How many objects a Search finds.
pub(super) async fn found(stand_in: &StandIn, class: &str, tenant: &str) -> anyhow::Result<usize> {
    let mut client = WeaviateClient::connect(stand_in.grpc_url()).await?;
    let request = SearchRequest {
        collection: class.into(),
        tenant: tenant.into(),
        limit: 100,
        ..SearchRequest::default()
    };
    Ok(client.search(request).await?.into_inner().results.len())
}

#[tokio::test]
async fn a_tenant_is_woken_by_who_wants_its_data_and_by_nobody_else() -> anyhow::Result<()> {
    let stand_in = StandIn::start(StandInOptions::default()).await?;
    let rest = Rest::new(&stand_in.rest_url());
    let tenancy = json!({"enabled": true, "autoTenantActivation": true});
    stand_in.contents().create_class(json!({"class": "Fold", "multiTenancyConfig": tenancy}));
    rest.post("/v1/schema/Fold/tenants", &json!([{"name": "a", "activityStatus": "COLD"}])).await?;
    let status = async || anyhow::Ok(rest.get("/v1/schema/Fold/tenants/a").await?["activityStatus"].clone());
    let mut client = WeaviateClient::connect(stand_in.grpc_url()).await?;
    client.tenants_get(TenantsGetRequest { collection: "Fold".into(), params: None }).await?;
    for path in ["/v1/schema", "/v1/schema/Fold", "/v1/schema/Fold/tenants", "/v1/nodes?output=verbose"] {
        rest.get(path).await?;
    }
    assert_eq!(status().await?, "COLD");
    assert_eq!(found(&stand_in, "Fold", "a").await?, 0);
    assert_eq!(status().await?, "HOT");
    for path in ["/v1/objects?class=Fold&tenant=a", "/v1/objects?class=Fold&tenant=a&limit=1"] {
        stand_in.contents().set_tenant("Fold", "a", "COLD");
        rest.get(path).await?;
        assert_eq!(status().await?, "HOT");
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_list_of_dates_spoils_all_that_is_passed_on_with_it() -> anyhow::Result<()> {
    let stand_in = StandIn::start(StandInOptions::default()).await?;
    let contents = stand_in.contents();
    contents.create_class(json!({"class": "Wool", "properties": [{"name": "d", "dataType": ["date[]"]}]}));
    let object = |dates: &[&str]| json!({"class": "Wool", "properties": {"d": dates}});
    contents.put(object(&[]));
    contents.make_remote("Wool");
    let rest = Rest::new(&stand_in.rest_url());
    let both = [object(&["2020-01-01T00:00:00Z"]), object(&[])];
    let answers = rest.post("/v1/batch/objects", &json!({"objects": both})).await?;
    for answer in answers.as_array().into_iter().flatten() {
        let text = "parse as time array, expected []interface{} got []interface {}";
        assert_eq!(answer["result"]["errors"]["error"][0]["message"], text);
    }
    rest.write(&both[..1]).await?;
    assert_eq!(contents.count("Wool", ""), 2);
    Ok(())
}
