//! Counting objects.

use futures_util::{StreamExt, TryStreamExt, stream};
use selvedge_proto::weaviate::{AggregateRequest, aggregate_reply};
use serde_json::json;

use super::cancel::Effect;
use super::fault::Fault;
use super::version::Feature;
use super::{Cluster, Version, failure, grpc};
use selvedge_model::error::{Error, Kind, Result};

/// Tenants that are counted side by side.
const COUNTS_AT_ONCE: usize = 16;
/// Tenants that are counted between two looks at whether Weaviate is whole.
const COUNTS_BELIEVED: usize = 500;

impl Cluster {
    /// Counts the objects of a collection, or of one of its tenants.
    pub async fn count(&self, collection: &str, tenant: Option<&str>) -> Result<u64> {
        let version = self.connect().await?.version;
        self.believed_in_a_row(|| self.count_once(version, collection, tenant)).await
    }

    /// Counts the objects of each of these tenants, in their order. None for one that is not active, or not there.
    pub async fn count_tenants(
        &self,
        collection: &str,
        tenants: impl Iterator<Item = &str>,
    ) -> Result<Vec<Option<u64>>> {
        let version = self.connect().await?.version;
        let tenants: Vec<_> = tenants.map(str::to_owned).collect();
        let mut counts = Vec::with_capacity(tenants.len());
        for chunk in tenants.chunks(COUNTS_BELIEVED) {
            // One that fails is counted again with the rest of them, between two looks at whether Weaviate is whole.
            counts.extend(self.believed(|| self.count_chunk(version, collection, chunk)).await?);
        }
        Ok(counts)
    }

    async fn count_chunk(
        &self,
        version: Version,
        collection: &str,
        tenants: &[String],
    ) -> Result<Vec<Option<u64>>> {
        // Owned, so that the calls need not borrow from each other's surroundings.
        let calls: Vec<_> =
            tenants.iter().map(|tenant| (self.clone(), collection.to_owned(), tenant.clone())).collect();
        stream::iter(calls)
            .map(|(cluster, collection, tenant)| async move {
                match cluster.count_once(version, &collection, Some(&tenant)).await {
                    Err(error) if matches!(error.kind(), Kind::TenantNotFound | Kind::TenantInactive) => {
                        Ok(None)
                    }
                    counted => counted.map(Some),
                }
            })
            .buffered(COUNTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn count_once(&self, version: Version, collection: &str, tenant: Option<&str>) -> Result<u64> {
        if version.has(Feature::GrpcAggregate) {
            self.count_over_grpc(collection, tenant).await
        } else {
            self.count_over_graphql(collection, tenant).await
        }
    }

    async fn count_over_grpc(&self, collection: &str, tenant: Option<&str>) -> Result<u64> {
        let request = AggregateRequest {
            collection: collection.to_owned(),
            tenant: tenant.unwrap_or_default().to_owned(),
            objects_count: true,
            // Without it, Weaviate 1.37 and later takes a short cut that answers 0 when a replica fails.
            limit: Some(1),
        };
        let action = format!("count the objects of {}", subject(collection, tenant));
        let reply = match self
            .call(Effect::Reads, |line| async move { grpc(line).aggregate(request).await })
            .await
        {
            Ok(reply) => reply,
            Err(status) => return Err(self.unless_behind(self.failed(&action, status), collection).await),
        };
        let Some(aggregate_reply::Result::SingleResult(single)) = reply.result else {
            return Err(unexpected(&action));
        };
        // No objects, no count.
        u64::try_from(single.objects_count.unwrap_or(0)).map_err(|_| unexpected(&action))
    }

    async fn count_over_graphql(&self, collection: &str, tenant: Option<&str>) -> Result<u64> {
        let arguments = tenant.map_or(String::new(), |tenant| format!("(tenant:\"{tenant}\")"));
        let query = format!("{{Aggregate{{{collection}{arguments}{{meta{{count}}}}}}}}");
        let action = format!("count the objects of {}", subject(collection, tenant));
        let reply = self.rest.ask(&action, "/v1/graphql", &json!({"query": query})).await?;
        let reply = reply.unwrap_or_default();
        if let Some(errors) = reply["errors"].as_array().filter(|errors| !errors.is_empty()) {
            let text = errors[0]["message"].as_str().unwrap_or_default();
            let fault = Fault::of_text(text).unwrap_or(Fault::Unclear);
            return Err(failure::error(fault, format!("cannot {action}: {text}")));
        }
        reply["data"]["Aggregate"][collection][0]["meta"]["count"].as_u64().ok_or_else(|| unexpected(&action))
    }
}

fn subject(collection: &str, tenant: Option<&str>) -> String {
    match tenant {
        Some(tenant) => format!("tenant \"{tenant}\" of collection \"{collection}\""),
        None => format!("collection \"{collection}\""),
    }
}

fn unexpected(action: &str) -> Error {
    Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"))
}
