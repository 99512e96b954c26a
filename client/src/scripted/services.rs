//! The services of the scripted server.

use selvedge_proto::v1::backup_service_server::BackupService;
use selvedge_proto::v1::collection_service_server::CollectionService;
use selvedge_proto::v1::job_service_server::JobService;
use selvedge_proto::v1::server_service_server::ServerService;
use selvedge_proto::v1::*;
use tonic::{Request, Response, Status, Streaming};

use super::{JobStream, Scripted, example};

#[tonic::async_trait]
impl CollectionService for Scripted {
    type BackupStream = JobStream<BackupResponse>;
    type RestoreStream = JobStream<RestoreResponse>;
    type ClearStream = JobStream<ClearResponse>;
    type CompareReplicasStream = JobStream<CompareReplicasResponse>;

    async fn compare_replicas(
        &self,
        _: Request<CompareReplicasRequest>,
    ) -> Result<Response<Self::CompareReplicasStream>, Status> {
        Err(Status::unimplemented(""))
    }

    type CopyStream = JobStream<CopyResponse>;
    type RepairStream = JobStream<RepairResponse>;
    type UndoStream = JobStream<UndoResponse>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let request = request.into_inner();
        let call = format!("backup {}", request.request_id);
        self.requests().backups.push(request);
        self.answer(call, |job| BackupResponse { job: Some(job) })
    }

    async fn restore(
        &self,
        request: Request<RestoreRequest>,
    ) -> Result<Response<Self::RestoreStream>, Status> {
        self.requests().restores.push(request.into_inner());
        self.answer("restore".to_owned(), |job| RestoreResponse { job: Some(job) })
    }

    async fn clear(&self, request: Request<ClearRequest>) -> Result<Response<Self::ClearStream>, Status> {
        self.requests().clears.push(request.into_inner());
        self.answer("clear".to_owned(), |job| ClearResponse { job: Some(job) })
    }

    async fn copy(&self, request: Request<CopyRequest>) -> Result<Response<Self::CopyStream>, Status> {
        self.requests().copies.push(request.into_inner());
        self.answer("copy".to_owned(), |job| CopyResponse { job: Some(job) })
    }

    async fn repair(&self, request: Request<RepairRequest>) -> Result<Response<Self::RepairStream>, Status> {
        self.requests().repairs.push(request.into_inner());
        self.answer("repair".to_owned(), |job| RepairResponse { job: Some(job) })
    }

    async fn undo(&self, request: Request<UndoRequest>) -> Result<Response<Self::UndoStream>, Status> {
        self.requests().undos.push(request.into_inner());
        self.answer("undo".to_owned(), |job| UndoResponse { job: Some(job) })
    }

    async fn list_collections(
        &self,
        _: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl BackupService for Scripted {
    type VerifyBackupStream = JobStream<VerifyBackupResponse>;

    async fn list_backups(
        &self,
        request: Request<ListBackupsRequest>,
    ) -> Result<Response<ListBackupsResponse>, Status> {
        let request = request.into_inner();
        if !request.incomplete {
            // Two pages.
            let (id, next) = if request.page_token.is_empty() { ("newer", "2") } else { ("older", "") };
            let backups = vec![Backup { id: id.to_owned(), ..example::backup() }];
            let next_page_token = next.to_owned();
            return Ok(Response::new(ListBackupsResponse { backups, next_page_token, ..Default::default() }));
        }
        let incomplete = example::incomplete();
        Ok(Response::new(ListBackupsResponse { incomplete, ..ListBackupsResponse::default() }))
    }

    async fn get_backup(&self, _: Request<GetBackupRequest>) -> Result<Response<GetBackupResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_backup_collection(
        &self,
        _: Request<GetBackupCollectionRequest>,
    ) -> Result<Response<GetBackupCollectionResponse>, Status> {
        Ok(Response::new(example::collection_of_backup()))
    }

    async fn list_backup_tenants(
        &self,
        _: Request<ListBackupTenantsRequest>,
    ) -> Result<Response<ListBackupTenantsResponse>, Status> {
        let (tenants, next_page_token) = (example::tenants_of_backup(), String::new());
        Ok(Response::new(ListBackupTenantsResponse { tenants, next_page_token }))
    }

    async fn list_backup_files(
        &self,
        _: Request<ListBackupFilesRequest>,
    ) -> Result<Response<ListBackupFilesResponse>, Status> {
        let (files, next_page_token) = (example::files_of_backup(), String::new());
        Ok(Response::new(ListBackupFilesResponse { files, next_page_token }))
    }

    async fn delete_backup(
        &self,
        _: Request<DeleteBackupRequest>,
    ) -> Result<Response<DeleteBackupResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn hold_backup(
        &self,
        _: Request<HoldBackupRequest>,
    ) -> Result<Response<HoldBackupResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn release_backup(
        &self,
        _: Request<ReleaseBackupRequest>,
    ) -> Result<Response<ReleaseBackupResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn verify_backup(
        &self,
        request: Request<VerifyBackupRequest>,
    ) -> Result<Response<Self::VerifyBackupStream>, Status> {
        self.requests().verifies.push(request.into_inner());
        self.answer("verify".to_owned(), |job| VerifyBackupResponse { job: Some(job) })
    }

    type DiffBackupStream = JobStream<DiffBackupResponse>;

    async fn diff_backup(
        &self,
        _: Request<DiffBackupRequest>,
    ) -> Result<Response<Self::DiffBackupStream>, Status> {
        Err(Status::unimplemented(""))
    }

    type ExportBackupStream = JobStream<ExportBackupResponse>;

    async fn export_backup(
        &self,
        _: Request<ExportBackupRequest>,
    ) -> Result<Response<Self::ExportBackupStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn import_backup(
        &self,
        _: Request<Streaming<ImportBackupRequest>>,
    ) -> Result<Response<ImportBackupResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn prune_backups(
        &self,
        request: Request<PruneBackupsRequest>,
    ) -> Result<Response<PruneBackupsResponse>, Status> {
        self.requests().prunes.push(request.into_inner());
        Ok(Response::new(example::prunable()))
    }
}

#[tonic::async_trait]
impl ServerService for Scripted {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        Ok(Response::new(example::status(3)))
    }
}

#[tonic::async_trait]
impl JobService for Scripted {
    type WatchJobStream = JobStream<WatchJobResponse>;
    type ResumeJobStream = JobStream<ResumeJobResponse>;

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        // Two pages.
        Ok(Response::new(match request.into_inner().page_token.as_str() {
            "" => ListJobsResponse { jobs: vec![example::running()], next_page_token: "2".to_owned() },
            _ => ListJobsResponse { jobs: vec![example::succeeded()], next_page_token: String::new() },
        }))
    }

    async fn get_job(&self, _: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let id = request.into_inner().job_id;
        self.answer(format!("watch {id}"), |job| WatchJobResponse { job: Some(job) })
    }

    async fn cancel_job(&self, _: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        Ok(Response::new(CancelJobResponse { job: Some(example::running()) }))
    }

    async fn resume_job(
        &self,
        request: Request<ResumeJobRequest>,
    ) -> Result<Response<Self::ResumeJobStream>, Status> {
        let id = request.into_inner().job_id;
        self.answer(format!("resume {id}"), |job| ResumeJobResponse { job: Some(job) })
    }

    async fn list_failures(
        &self,
        request: Request<ListFailuresRequest>,
    ) -> Result<Response<ListFailuresResponse>, Status> {
        // Two pages.
        let is_first = request.into_inner().page_token.is_empty();
        let next_page_token = if is_first { "2".to_owned() } else { String::new() };
        Ok(Response::new(ListFailuresResponse { failures: example::refused(), next_page_token }))
    }
}
