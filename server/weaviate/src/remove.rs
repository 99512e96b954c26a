//! Deleting single objects.

use selvedge_proto::weaviate::filters::{Operator, TestValue};
use selvedge_proto::weaviate::{BatchDeleteReply, BatchDeleteRequest, TextArray};
use uuid::Uuid;

use super::cancel::Effect;
use super::fault::Fault;
use super::read::on_id;
use super::{Cluster, failure, grpc};
use selvedge_model::error::Result;

/// In one request: from there on, more are not faster.
const REQUEST_IDS: usize = 500;

impl Cluster {
    /// Deletes those of these objects that are there, of a collection or of one of its tenants. What fails in a way that may pass
    /// is repeated; deleting an object twice does no harm.
    pub async fn delete_objects(&self, collection: &str, tenant: Option<&str>, ids: &[Uuid]) -> Result<()> {
        for ids in ids.chunks(REQUEST_IDS) {
            // A server with a low `QUERY_MAXIMUM_RESULTS` deletes no more than that at a time.
            while self.retrying(|| self.delete_some(collection, tenant, ids)).await? {}
        }
        Ok(())
    }

    /// Whether some of them are left.
    async fn delete_some(&self, collection: &str, tenant: Option<&str>, ids: &[Uuid]) -> Result<bool> {
        let action = format!("delete objects of collection \"{collection}\"");
        let values = ids.iter().map(Uuid::to_string).collect();
        let request = BatchDeleteRequest {
            collection: collection.to_owned(),
            filters: Some(on_id(Operator::ContainsAny, TestValue::ValueTextArray(TextArray { values }))),
            verbose: true,
            tenant: tenant.map(str::to_owned),
        };
        let call = |line| async move { grpc(line).batch_delete(request).await };
        let reply = self.call(Effect::Changes, call).await;
        let reply = reply.map_err(|status| self.failed(&action, status))?;
        let BatchDeleteReply { failed, matches, successful, objects } = reply;
        if failed == 0 {
            return Ok(matches > successful);
        }
        let reason = objects.into_iter().filter_map(|object| object.error).find(|reason| !reason.is_empty());
        let reason = reason.unwrap_or_else(|| "Weaviate does not say why".to_owned());
        let fault = Fault::of_text(&reason).unwrap_or(Fault::Unclear);
        Err(failure::error(
            fault,
            format!("cannot {action}: {failed} of {matches} were not deleted: {reason}"),
        ))
    }
}
