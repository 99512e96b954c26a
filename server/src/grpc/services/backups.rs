use selvedge_proto::v1;
use selvedge_proto::v1::backup_service_server::BackupService;
use tonic::{Request, Response, Status};

use super::Desk;
use crate::grpc::convert;
use crate::grpc::status::refusal;
use crate::grpc::watch::Watch;
use selvedge_archive::{Page, Repository};
use selvedge_model::error;

pub struct Backups(pub Desk);

#[tonic::async_trait]
impl BackupService for Backups {
    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        let request = request.into_inner();
        let repository = self.0.places.repository(&request.repository).map_err(refusal)?;
        let token = Some(request.page_token).filter(|token| !token.is_empty());
        let page = Page { size: convert::page_size(request.page_size), token };
        repository.check().await.map_err(refusal)?;
        if request.incomplete {
            let found = self.0.registry.incomplete(&repository).await.map_err(refusal)?;
            return Ok(Response::new(convert::incomplete(found)));
        }
        list(&repository, page).await.map(Response::new).map_err(refusal)
    }

    async fn prune_backups(
        &self,
        request: Request<v1::PruneBackupsRequest>,
    ) -> Result<Response<v1::PruneBackupsResponse>, Status> {
        let request = request.into_inner();
        let repository = self.0.places.repository(&request.repository).map_err(refusal)?;
        repository.check().await.map_err(refusal)?;
        let pruned = self.0.registry.prune(&repository, request.dry_run).await.map_err(refusal)?;
        Ok(Response::new(convert::pruned(pruned)))
    }

    async fn get_backup(
        &self,
        request: Request<v1::GetBackupRequest>,
    ) -> Result<Response<v1::GetBackupResponse>, Status> {
        let request = request.into_inner();
        let repository = self.0.places.repository(&request.repository).map_err(refusal)?;
        let id = convert::backup_id(&request.backup_id).map_err(refusal)?;
        repository.check().await.map_err(refusal)?;
        let manifest = repository.manifest(&id).await.map_err(refusal)?;
        Ok(Response::new(v1::GetBackupResponse { backup: Some(convert::backup(&manifest)) }))
    }

    type VerifyBackupStream = Watch<v1::VerifyBackupResponse>;

    async fn verify_backup(
        &self,
        request: Request<v1::VerifyBackupRequest>,
    ) -> Result<Response<Self::VerifyBackupStream>, Status> {
        let call = convert::verify_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::VerifyBackupResponse { job: Some(job) })))
    }
}

/// A page, shorter than was asked for if it would be too large for a message.
async fn list(repository: &Repository, mut page: Page) -> error::Result<v1::ListBackupsResponse> {
    loop {
        let response = convert::backups(repository.list_backups(page.clone()).await?);
        if page.size == 1 || convert::fits_in_a_message(&response) {
            return Ok(response);
        }
        page.size /= 2;
    }
}
