//! The services of the contract, with health and reflection beside them.

mod backups;
mod collections;
mod jobs;

use std::sync::Arc;

use selvedge_proto::FILE_DESCRIPTOR_SET;
use selvedge_proto::v1;
use selvedge_proto::v1::backup_service_server::BackupServiceServer;
use selvedge_proto::v1::collection_service_server::CollectionServiceServer;
use selvedge_proto::v1::job_service_server::JobServiceServer;
use tonic::service::Routes;

use self::backups::Backups;
use self::collections::Collections;
use self::jobs::Jobs;
use super::{Health, Places, convert};
use crate::jobs::{Job, Registry};
use selvedge_model::error::{Error, Result};

/// All services, and the handle with which the server says whether it takes calls.
pub async fn routes(places: Arc<Places>, registry: Arc<Registry>) -> Result<(Routes, Health)> {
    let collections = Collections { places: Arc::clone(&places), registry: Arc::clone(&registry) };
    let collections = CollectionServiceServer::new(collections);
    let backups = BackupServiceServer::new(Backups { places, registry: Arc::clone(&registry) });
    let jobs = JobServiceServer::new(Jobs { registry });
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let names = [
        v1::collection_service_server::SERVICE_NAME,
        v1::backup_service_server::SERVICE_NAME,
        v1::job_service_server::SERVICE_NAME,
    ];
    let health = Health::serving(reporter, &names).await;
    // Both versions: older grpcurl knows only v1alpha.
    let reflection = reflection().build_v1().map_err(no_reflection)?;
    let reflection_alpha = self::reflection().build_v1alpha().map_err(no_reflection)?;
    let routes = Routes::new(collections)
        .add_service(backups)
        .add_service(jobs)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(reflection_alpha);
    Ok((routes, health))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that a client without our types can read the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

fn no_reflection(error: tonic_reflection::server::Error) -> Error {
    Error::internal("the descriptors of the API cannot be served").caused_by(error)
}

fn now(job: &Job) -> Option<v1::Job> {
    Some(convert::job(job, &job.view()))
}
