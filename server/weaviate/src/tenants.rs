//! Tenants of a collection.

use selvedge_proto::weaviate::tenants_get_request::Params;
use selvedge_proto::weaviate::{TenantActivityStatus, TenantNames, TenantsGetRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cancel::Effect;
use super::version::Feature;
use super::{Cluster, grpc};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Tenant, TenantStatus};

/// Tenants in one request. Weaviate sets no limit for creating and deleting; this keeps requests short-lived.
const CHUNK: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTenant {
    name: String,
    activity_status: TenantStatus,
}

impl Cluster {
    /// All tenants of a multi-tenant collection, sorted by name.
    pub async fn tenants(&self, collection: &str) -> Result<Vec<Tenant>> {
        let action = format!("list the tenants of collection \"{collection}\"");
        let path = format!("/v1/schema/{collection}/tenants");
        let list = async || self.rest.get(&action, &path, &[]).await?.ok_or_else(|| gone(collection));
        let found = self.believed(list).await?;
        let wire: Vec<WireTenant> = serde_json::from_value(found).map_err(|error| {
            Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"))
                .caused_by(error)
        })?;
        let mut tenants: Vec<_> = wire
            .into_iter()
            .map(|tenant| Tenant { name: tenant.name, status: tenant.activity_status })
            .collect();
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tenants)
    }

    /// The same, where what is not among them is taken for what is not there. Fails if the key may not see all of them, or of
    /// those that are named, if any are: Weaviate leaves out what it does not show, and says nothing.
    pub async fn tenants_in_full(&self, collection: &str, named: &[String]) -> Result<Vec<Tenant>> {
        let permissions = self.permissions().await?;
        let sees = match named {
            [] => permissions.sees_all_tenants(collection),
            named => named.iter().all(|tenant| permissions.sees_tenant(collection, tenant)),
        };
        if sees {
            return self.tenants(collection).await;
        }
        let text = format!(
            "the server's key may not see all tenants of collection \"{collection}\" ({}), so those that it does not see would be \
             taken for missing",
            permissions.describe("read_tenants")
        );
        Err(Error::new(Kind::WeaviatePermissionDenied, text)
            .hint("give the key read_tenants on all tenants of the collection, or name tenants that it sees"))
    }

    /// Whether a tenant can be read now. Asking does not activate it.
    pub async fn is_active(&self, collection: &str, tenant: &str) -> Result<bool> {
        let action = format!("read the status of tenant \"{tenant}\" of collection \"{collection}\"");
        let names = TenantNames { values: vec![tenant.to_owned()] };
        let request =
            TenantsGetRequest { collection: collection.to_owned(), params: Some(Params::Names(names)) };
        let ask = async || {
            let request = request.clone();
            let call = |line| async move { grpc(line).tenants_get(request).await };
            let reply = self.call(Effect::Reads, call).await;
            reply.map_err(|status| self.failed(&action, status))
        };
        let found = self.retrying(ask).await?.tenants;
        let is_hot = |status| matches!(status, TenantActivityStatus::Hot | TenantActivityStatus::Active);
        Ok(found.iter().any(|found| found.name == tenant && is_hot(found.activity_status())))
    }

    /// Creates tenants as active or inactive ones; those that exist stay as they are.
    pub async fn create_tenants(&self, collection: &str, tenants: &[Tenant]) -> Result<()> {
        let action = format!("create tenants of collection \"{collection}\"");
        let path = format!("/v1/schema/{collection}/tenants");
        for chunk in tenants.chunks(CHUNK) {
            let body: Value = chunk
                .iter()
                .map(|tenant| json!({"name": tenant.name, "activityStatus": tenant.status}))
                .collect();
            self.retrying(|| self.rest.post(&action, &path, &body)).await?.ok_or_else(|| gone(collection))?;
        }
        Ok(())
    }

    /// Deletes tenants with all their objects; those that do not exist are not missed.
    pub async fn delete_tenants(&self, collection: &str, tenants: &[Tenant]) -> Result<()> {
        let names: Vec<_> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        if self.connect().await?.version.has(Feature::DeletesInactiveTenants) {
            return self.delete_tenants_by_name(collection, &names).await;
        }
        let inactive = tenants.iter().filter(|tenant| !tenant.status.is_active());
        let inactive: Vec<_> = inactive.map(|tenant| tenant.name.as_str()).collect();
        self.set_tenant_status(collection, &inactive, TenantStatus::Hot).await?;
        let Err(error) = self.delete_tenants_by_name(collection, &names).await else { return Ok(()) };
        match self.set_tenant_status(collection, &inactive, TenantStatus::Cold).await {
            Ok(()) => Err(error),
            Err(_) => Err(error.also(format!(
                "these tenants were activated: deactivate them again: {}",
                inactive.join(", ")
            ))),
        }
    }

    async fn delete_tenants_by_name(&self, collection: &str, names: &[&str]) -> Result<()> {
        let action = format!("delete tenants of collection \"{collection}\"");
        let path = format!("/v1/schema/{collection}/tenants");
        for chunk in names.chunks(CHUNK) {
            let body = json!(chunk);
            self.retrying(|| self.rest.delete(&action, &path, Some(&body)))
                .await?
                .ok_or_else(|| gone(collection))?;
        }
        Ok(())
    }

    /// Sets the status of tenants. Weaviate takes at most 100 of them at once.
    pub async fn set_tenant_status(
        &self,
        collection: &str,
        names: &[&str],
        status: TenantStatus,
    ) -> Result<()> {
        const PUT_CHUNK: usize = 100;
        let action = format!("set the status of tenants of collection \"{collection}\"");
        let path = format!("/v1/schema/{collection}/tenants");
        for chunk in names.chunks(PUT_CHUNK) {
            let body: Value =
                chunk.iter().map(|name| json!({"name": name, "activityStatus": status})).collect();
            self.retrying(|| self.rest.put(&action, &path, &body)).await?.ok_or_else(|| gone(collection))?;
        }
        Ok(())
    }
}

pub(super) fn gone(collection: &str) -> Error {
    Error::new(Kind::CollectionNotFound, format!("collection \"{collection}\" does not exist on Weaviate"))
}
