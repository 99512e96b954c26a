use std::sync::Arc;

use selvedge_proto::v1;
use selvedge_proto::v1::collection_service_server::CollectionService;
use tonic::{Request, Response, Status};

use crate::grpc::status::refusal;
use crate::grpc::watch::{Watch, watch};
use crate::grpc::{Places, convert};
use crate::jobs;
use crate::jobs::{Assignment, Job, Registry};
use selvedge_model::error;

pub struct Collections {
    pub places: Arc<Places>,
    pub registry: Arc<Registry>,
}

#[tonic::async_trait]
impl CollectionService for Collections {
    type BackupStream = Watch<v1::BackupResponse>;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let call = convert::backup_call(request.into_inner()).map_err(refusal)?;
        let job = self.start_backup(call).map_err(refusal)?;
        Ok(Response::new(watch(job, |job| v1::BackupResponse { job: Some(job) })))
    }

    type RestoreStream = Watch<v1::RestoreResponse>;

    async fn restore(
        &self,
        request: Request<v1::RestoreRequest>,
    ) -> Result<Response<Self::RestoreStream>, Status> {
        let call = convert::restore_call(request.into_inner()).map_err(refusal)?;
        let job = self.start_restore(call).map_err(refusal)?;
        Ok(Response::new(watch(job, |job| v1::RestoreResponse { job: Some(job) })))
    }

    type ClearStream = Watch<v1::ClearResponse>;

    async fn clear(&self, request: Request<v1::ClearRequest>) -> Result<Response<Self::ClearStream>, Status> {
        let call = convert::clear_call(request.into_inner()).map_err(refusal)?;
        let job = self.start_clear(call).map_err(refusal)?;
        Ok(Response::new(watch(job, |job| v1::ClearResponse { job: Some(job) })))
    }

    async fn list_collections(
        &self,
        request: Request<v1::ListCollectionsRequest>,
    ) -> Result<Response<v1::ListCollectionsResponse>, Status> {
        let request = request.into_inner();
        let (_, cluster) = self.places.cluster(&request.cluster).map_err(refusal)?;
        let selection = convert::selection(&request.collections).map_err(refusal)?;
        let (version, collections) =
            selvedge_ops::list_collections(&cluster, &selection).await.map_err(refusal)?;
        Ok(Response::new(convert::collections(version, collections)))
    }
}

impl Collections {
    fn start_backup(&self, call: convert::BackupCall) -> error::Result<Arc<Job>> {
        let (cluster, source) = self.places.cluster(&call.cluster)?;
        let (repository, target) = self.places.repository(&call.repository)?;
        let request = jobs::Request::Backup(call.request.clone());
        let assignment = Assignment { request, summary: call.summary, cluster, repository };
        self.registry.start(call.request_id, assignment, move |context| async move {
            selvedge_ops::backup(&context, &source, &target, &call.request).await
        })
    }

    fn start_restore(&self, call: convert::RestoreCall) -> error::Result<Arc<Job>> {
        let (cluster, target) = self.places.cluster(&call.cluster)?;
        let (repository, source) = self.places.repository(&call.repository)?;
        let request = jobs::Request::Restore(call.request.clone());
        let assignment = Assignment { request, summary: call.summary, cluster, repository };
        self.registry.start(call.request_id, assignment, move |context| async move {
            selvedge_ops::restore(&context, &target, &source, &call.request).await
        })
    }

    fn start_clear(&self, call: convert::ClearCall) -> error::Result<Arc<Job>> {
        let (cluster, target) = self.places.cluster(&call.cluster)?;
        let (repository, keeper) = self.places.repository(&call.repository)?;
        let request = jobs::Request::Clear(call.request.clone());
        let assignment = Assignment { request, summary: call.summary, cluster, repository };
        self.registry.start(call.request_id, assignment, move |context| async move {
            selvedge_ops::clear(&context, &target, &keeper, &call.request).await
        })
    }
}
