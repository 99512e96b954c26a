use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use selvedge_ops::ReplicasRequest;
use selvedge_proto::v1;
use selvedge_proto::v1::collection_service_server::CollectionService;
use tonic::{Request, Response, Status};

use super::{Desk, caller};
use crate::grpc::convert;
use crate::grpc::status::refusal;
use crate::grpc::watch::Watch;

pub struct Collections(pub Desk);

#[tonic::async_trait]
impl CollectionService for Collections {
    type BackupStream = Watch<v1::BackupResponse>;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let caller = caller(&request)?;
        let call = convert::backup_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::BackupResponse { job: Some(job) })))
    }

    type RestoreStream = Watch<v1::RestoreResponse>;

    async fn restore(
        &self,
        request: Request<v1::RestoreRequest>,
    ) -> Result<Response<Self::RestoreStream>, Status> {
        let caller = caller(&request)?;
        let call = convert::restore_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::RestoreResponse { job: Some(job) })))
    }

    type CopyStream = Watch<v1::CopyResponse>;

    async fn copy(&self, request: Request<v1::CopyRequest>) -> Result<Response<Self::CopyStream>, Status> {
        let caller = caller(&request)?;
        let call = self.0.copying(request.into_inner()).await.map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::CopyResponse { job: Some(job) })))
    }

    type RepairStream = Watch<v1::RepairResponse>;

    async fn repair(
        &self,
        request: Request<v1::RepairRequest>,
    ) -> Result<Response<Self::RepairStream>, Status> {
        let caller = caller(&request)?;
        let call = convert::repair_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::RepairResponse { job: Some(job) })))
    }

    type UndoStream = Watch<v1::UndoResponse>;

    async fn undo(&self, request: Request<v1::UndoRequest>) -> Result<Response<Self::UndoStream>, Status> {
        let caller = caller(&request)?;
        let call = self.0.undoing(request.into_inner()).await.map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::UndoResponse { job: Some(job) })))
    }

    type ClearStream = Watch<v1::ClearResponse>;

    async fn clear(&self, request: Request<v1::ClearRequest>) -> Result<Response<Self::ClearStream>, Status> {
        let caller = caller(&request)?;
        let call = convert::clear_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::ClearResponse { job: Some(job) })))
    }

    async fn list_collections(
        &self,
        request: Request<v1::ListCollectionsRequest>,
    ) -> Result<Response<v1::ListCollectionsResponse>, Status> {
        let request = request.into_inner();
        let cluster = self.0.places.cluster(&request.cluster).map_err(refusal)?;
        let selection = convert::selection(&request.collections).map_err(refusal)?;
        let (version, collections) =
            selvedge_ops::list_collections(&cluster, &selection).await.map_err(refusal)?;
        Ok(Response::new(convert::collections(&cluster, version, collections)))
    }

    type CompareReplicasStream = BoxStream<'static, Result<v1::CompareReplicasResponse, Status>>;

    async fn compare_replicas(
        &self,
        request: Request<v1::CompareReplicasRequest>,
    ) -> Result<Response<Self::CompareReplicasStream>, Status> {
        let wire = request.into_inner();
        let asked = convert::replicas(&wire).map_err(refusal)?;
        let places = &self.0.places;
        let cluster = places.cluster(&wire.cluster).map_err(refusal)?;
        let through: selvedge_model::error::Result<_> =
            wire.through.iter().map(|name| places.cluster(name)).collect();
        let request = ReplicasRequest { through: through.map_err(refusal)?, ..asked };
        let told = selvedge_ops::compare_replicas(&cluster, self.0.registry.budget(), request).await;
        let told = told.map_err(refusal)?;
        Ok(Response::new(told.map(|told| told.map(convert::replica_finding).map_err(refusal)).boxed()))
    }
}
