//! Options of a restore that give objects another shape.

use selvedge_proto::v1;
use selvedge_proto::v1::reshape::Tenancy;

use crate::failure::Failure;
use crate::pairs;

/// Properties and vectors are named alone, for all collections that have one, or as Collection.name.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Another shape")]
pub struct ShapeArgs {
    /// Leave a property out; may be repeated. Properties and vectors are named alone, for all collections that have one, or as
    /// Collection.name, by their names in the backup.
    #[arg(long = "drop-property", value_name = "PROPERTY")]
    pub drop_properties: Vec<String>,
    /// Give a property another name; may be repeated.
    #[arg(long = "rename-property", value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename_properties: Vec<(String, String)>,
    /// Turn the values of a property into texts; may be repeated.
    #[arg(long, value_name = "PROPERTY=text", value_parser = pairs::parse_setting)]
    pub coerce: Vec<(String, String)>,
    /// Leave a vector out; may be repeated. The name of the unnamed one is empty.
    #[arg(long = "drop-vector", value_name = "VECTOR")]
    pub drop_vectors: Vec<String>,
    /// Give a vector another name; may be repeated. =NEW gives one to the unnamed vector.
    #[arg(long = "rename-vector", value_name = "OLD=NEW", value_parser = pairs::parse_vector)]
    pub rename_vectors: Vec<(String, String)>,
    /// Put the objects of collections without tenants into those that a property names.
    #[arg(long, value_name = "PROPERTY", group = "tenancy")]
    pub tenant_from: Option<String>,
    /// Put the objects of collections without tenants into this one.
    #[arg(long, value_name = "TENANT", group = "tenancy")]
    pub into_tenant: Option<String>,
    /// Put the objects of this tenant, and no others, into collections without tenants.
    #[arg(long, value_name = "TENANT", group = "tenancy")]
    pub from_tenant: Option<String>,
    /// Give a tenant another name; may be repeated.
    #[arg(long = "rename-tenant", value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename_tenants: Vec<(String, String)>,
}

impl ShapeArgs {
    /// None if nothing is asked for.
    pub fn into_request(self) -> Result<Option<v1::Reshape>, Failure> {
        let tenancy = (self.tenant_from.map(Tenancy::TenantFrom))
            .or(self.into_tenant.map(Tenancy::IntoTenant))
            .or(self.from_tenant.map(Tenancy::FromTenant));
        let reshape = v1::Reshape {
            drop_properties: self.drop_properties,
            rename_properties: pairs::by_key("--rename-property", self.rename_properties)?,
            coerce: pairs::by_key("--coerce", self.coerce)?,
            drop_vectors: self.drop_vectors,
            rename_vectors: pairs::by_key("--rename-vector", self.rename_vectors)?,
            tenancy,
            rename_tenants: pairs::by_key("--rename-tenant", self.rename_tenants)?,
        };
        Ok(Some(reshape).filter(|reshape| *reshape != v1::Reshape::default()))
    }
}
