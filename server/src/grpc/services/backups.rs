use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use selvedge_proto::v1;
use selvedge_proto::v1::backup_service_server::BackupService;
use selvedge_proto::v1::import_backup_request::Part;
use tonic::{Request, Response, Status, Streaming};

use super::{Desk, caller};
use crate::grpc::convert;
use crate::grpc::status::refusal;
use crate::grpc::watch::Watch;
use chrono::Utc;
use selvedge_archive::{
    BackupFilter, BackupHold, BackupId, BackupReader, CollectionReader, Page, Repository,
};
use selvedge_model::Selection;
use selvedge_model::error::{self, Kind};
use selvedge_ops::{DiffRequest, DiffWith, Import, LATEST};

pub struct Backups(pub Desk);

#[tonic::async_trait]
impl BackupService for Backups {
    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        let request = request.into_inner();
        let repository = self.0.places.repository(&request.repository).map_err(refusal)?;
        let wanted = convert::wanted(&request).map_err(refusal)?;
        let token = Some(request.page_token).filter(|token| !token.is_empty());
        let page = Page { size: convert::page_size(request.page_size), token };
        repository.check().await.map_err(refusal)?;
        if request.incomplete {
            let found = self.0.registry.incomplete(&repository).await.map_err(refusal)?;
            return Ok(Response::new(convert::incomplete(found)));
        }
        list(&repository, page, &wanted).await.map(Response::new).map_err(refusal)
    }

    async fn prune_backups(
        &self,
        request: Request<v1::PruneBackupsRequest>,
    ) -> Result<Response<v1::PruneBackupsResponse>, Status> {
        let request = request.into_inner();
        let repository = self.0.places.repository(&request.repository).map_err(refusal)?;
        repository.check().await.map_err(refusal)?;
        let policy = convert::policy(request.policy).map_err(refusal)?;
        let (registry, dry_run) = (&self.0.registry, request.dry_run || !request.confirm);
        let decisions = registry.retain(&repository, &policy, dry_run).await.map_err(refusal)?;
        let pruned = registry.prune(&repository, dry_run).await.map_err(refusal)?;
        Ok(Response::new(convert::pruned(pruned, &decisions)))
    }

    async fn delete_backup(
        &self,
        request: Request<v1::DeleteBackupRequest>,
    ) -> Result<Response<v1::DeleteBackupResponse>, Status> {
        let v1::DeleteBackupRequest { repository, backup_id, confirm } = request.into_inner();
        let (repository, id) = self.backup(&repository, &backup_id).await.map_err(refusal)?;
        // Of what is destroyed, the name itself: "latest" may be another one by now.
        if confirm != id.as_str() {
            let text = format!("`confirm` does not repeat \"{id}\": the backup was not deleted");
            let error = error::Error::new(Kind::ConfirmationRequired, text);
            return Err(refusal(error.hint("set `confirm` to the id if that is what you want")));
        }
        let removed = self.0.registry.remove_backup(&repository, &id).await.map_err(refusal)?;
        Ok(Response::new(convert::removed(removed)))
    }

    async fn hold_backup(
        &self,
        request: Request<v1::HoldBackupRequest>,
    ) -> Result<Response<v1::HoldBackupResponse>, Status> {
        let caller = caller(&request)?.name;
        let v1::HoldBackupRequest { repository, backup_id, reason } = request.into_inner();
        let (repository, id) = self.backup(&repository, &backup_id).await.map_err(refusal)?;
        let hold = BackupHold { reason, caller, time: Utc::now() };
        let hold = repository.hold(&id, &hold).await.map_err(refusal)?;
        Ok(Response::new(v1::HoldBackupResponse { reason: hold.reason, backup_id: id.to_string() }))
    }

    async fn release_backup(
        &self,
        request: Request<v1::ReleaseBackupRequest>,
    ) -> Result<Response<v1::ReleaseBackupResponse>, Status> {
        let v1::ReleaseBackupRequest { repository, backup_id } = request.into_inner();
        let (repository, id) = self.backup(&repository, &backup_id).await.map_err(refusal)?;
        let was_held = repository.release(&id).await.map_err(refusal)?;
        Ok(Response::new(v1::ReleaseBackupResponse { was_held, backup_id: id.to_string() }))
    }

    async fn get_backup(
        &self,
        request: Request<v1::GetBackupRequest>,
    ) -> Result<Response<v1::GetBackupResponse>, Status> {
        let request = request.into_inner();
        let (repository, id) = self.backup(&request.repository, &request.backup_id).await.map_err(refusal)?;
        let found = repository.look_at(&id).await.map_err(refusal)?;
        let held = repository.held(&id).await.map_err(refusal)?.is_some();
        let backup = v1::Backup { held, ..convert::as_far_as_known(&found) };
        Ok(Response::new(v1::GetBackupResponse { backup: Some(backup) }))
    }

    async fn get_backup_collection(
        &self,
        request: Request<v1::GetBackupCollectionRequest>,
    ) -> Result<Response<v1::GetBackupCollectionResponse>, Status> {
        let v1::GetBackupCollectionRequest { repository, backup_id, collection } = request.into_inner();
        let (backup, reader) =
            self.collection(&repository, &backup_id, &collection).await.map_err(refusal)?;
        let manifest = backup.manifest().collections.iter().find(|one| one.name == collection);
        let manifest = manifest.ok_or_else(|| refusal(error::Error::internal("it has it, and does not")))?;
        Ok(Response::new(convert::collection_of_backup(&backup.manifest().id, manifest, &reader)))
    }

    async fn list_backup_tenants(
        &self,
        request: Request<v1::ListBackupTenantsRequest>,
    ) -> Result<Response<v1::ListBackupTenantsResponse>, Status> {
        let v1::ListBackupTenantsRequest { repository, backup_id, collection, page_size, page_token } =
            request.into_inner();
        let found = self.collection(&repository, &backup_id, &collection).await;
        let (_, reader) = found.map_err(refusal)?;
        convert::tenants_of_backup(&reader, page_size, &page_token).map(Response::new).map_err(refusal)
    }

    async fn list_backup_files(
        &self,
        request: Request<v1::ListBackupFilesRequest>,
    ) -> Result<Response<v1::ListBackupFilesResponse>, Status> {
        let v1::ListBackupFilesRequest { repository, backup_id, collection, page_size, page_token } =
            request.into_inner();
        let found = self.collection(&repository, &backup_id, &collection).await;
        let (_, reader) = found.map_err(refusal)?;
        convert::files_of_backup(&reader, page_size, &page_token).map(Response::new).map_err(refusal)
    }

    type VerifyBackupStream = Watch<v1::VerifyBackupResponse>;

    async fn verify_backup(
        &self,
        request: Request<v1::VerifyBackupRequest>,
    ) -> Result<Response<Self::VerifyBackupStream>, Status> {
        let caller = caller(&request)?;
        let call = convert::verify_call(request.into_inner()).map_err(refusal)?;
        let job = self.0.start(caller, call).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::VerifyBackupResponse { job: Some(job) })))
    }

    type ExportBackupStream = BoxStream<'static, Result<v1::ExportBackupResponse, Status>>;

    async fn export_backup(
        &self,
        request: Request<v1::ExportBackupRequest>,
    ) -> Result<Response<Self::ExportBackupStream>, Status> {
        let v1::ExportBackupRequest { repository, backup_id, collection, tenants } = request.into_inner();
        convert::tenant_names(&tenants).map_err(refusal)?;
        let (repository, id) = self.backup(&repository, &backup_id).await.map_err(refusal)?;
        let budget = self.0.registry.budget();
        let lines = selvedge_ops::export(&repository, budget, &id, &collection, &tenants).await;
        let parts = lines.map_err(refusal)?.map(|lines| match lines {
            Ok(lines) => stream::iter(in_parts(lines).map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(refusal(error))]),
        });
        Ok(Response::new(parts.flatten().boxed()))
    }

    type DiffBackupStream = BoxStream<'static, Result<v1::DiffBackupResponse, Status>>;

    async fn diff_backup(
        &self,
        request: Request<v1::DiffBackupRequest>,
    ) -> Result<Response<Self::DiffBackupStream>, Status> {
        let wire = request.into_inner();
        let asked = convert::diff(&wire).map_err(refusal)?;
        let (repository, backup) = self.backup(&wire.repository, &wire.backup_id).await.map_err(refusal)?;
        let other = match wire.live {
            true => DiffWith::Cluster(Box::new(self.0.places.cluster(&wire.cluster).map_err(refusal)?)),
            false => {
                let (_, id) = self.backup(&wire.repository, &wire.other_backup_id).await.map_err(refusal)?;
                DiffWith::Backup(id)
            }
        };
        let request = DiffRequest { backup, other, ..asked };
        let told = selvedge_ops::diff(&repository, self.0.registry.budget(), request).await;
        let told = told.map_err(refusal)?;
        Ok(Response::new(told.map(|told| told.map(convert::difference).map_err(refusal)).boxed()))
    }

    async fn import_backup(
        &self,
        request: Request<Streaming<v1::ImportBackupRequest>>,
    ) -> Result<Response<v1::ImportBackupResponse>, Status> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|first| first.part);
        let Some(Part::Header(header)) = first else {
            return Err(refusal(error::Error::invalid("header", "the first message has no `header`")));
        };
        let repository = self.0.places.repository(&header.repository).map_err(refusal)?;
        let import = self.import(header).await.map_err(refusal)?;
        let budget = self.0.registry.budget().clone();
        // Who hangs up must not leave half a backup behind.
        let imported = self
            .0
            .registry
            .beside(async move { selvedge_ops::import(&repository, &budget, import, lines(parts)).await });
        let imported = imported.await;
        let manifest = imported.map_err(refusal)?;
        self.0.registry.metrics().catalog_changed();
        Ok(Response::new(v1::ImportBackupResponse { backup: Some(convert::backup(&manifest)) }))
    }
}

/// The lines, up to the message that says that these were all. A stream can end without it when somebody hangs up.
fn lines(parts: Streaming<v1::ImportBackupRequest>) -> impl Stream<Item = error::Result<Bytes>> + Send {
    stream::try_unfold((parts, 0, false), |(mut parts, taken, has_ended)| async move {
        let broken = |why: &str| error::Error::new(Kind::Cancelled, format!("the lines broke off: {why}"));
        if has_ended {
            return Ok(None);
        }
        let part = parts.message().await.map_err(|status| broken(status.message()))?;
        match part.map(|part| part.part) {
            Some(Some(Part::Lines(lines))) => {
                let taken = taken + lines.len() as u64;
                Ok(Some((Bytes::from(lines), (parts, taken, false))))
            }
            Some(Some(Part::End(end))) if end.bytes == taken => {
                Ok(Some((Bytes::new(), (parts, taken, true))))
            }
            Some(Some(Part::End(end))) => {
                Err(broken(&format!("{} bytes were sent, and {taken} have come", end.bytes)))
            }
            Some(Some(Part::Header(_))) => {
                Err(error::Error::invalid("header", "only the first message has a `header`"))
            }
            Some(None) => Err(error::Error::invalid("lines", "a message has neither `lines` nor `end`")),
            None => Err(broken("the last message has to be `end`")),
        }
    })
}

impl Backups {
    /// A repository that is there, and the id of a backup in it that may be.
    async fn backup(&self, repository: &str, id: &str) -> error::Result<(Repository, BackupId)> {
        let repository = self.0.places.repository(repository)?;
        let id = convert::backup_id(id)?;
        repository.check().await?;
        match id.as_str() {
            LATEST => {
                let latest = repository.latest(&Selection::default(), BackupFilter::default()).await?;
                Ok((repository, latest))
            }
            _ => Ok((repository, id)),
        }
    }

    /// A collection of a backup, and the backup.
    async fn collection(
        &self,
        repository: &str,
        id: &str,
        name: &str,
    ) -> error::Result<(BackupReader, CollectionReader)> {
        convert::collection_name(name)?;
        let (repository, id) = self.backup(repository, id).await?;
        let backup = repository.open_backup(&id).await?;
        let reader = backup.collection(name).await?;
        Ok((backup, reader))
    }

    /// With the schema that is sent, or that of the cluster.
    async fn import(&self, header: v1::ImportBackupHeader) -> error::Result<Import> {
        let (header, given) = convert::import_header(header)?;
        let name = &header.collection;
        let (collection, was, weaviate_version) = match given {
            Some((collection, was)) => (collection, was, String::new()),
            None => {
                let cluster = self.0.places.cluster(&header.cluster)?;
                let version = cluster.connect().await?.version_text.clone();
                let there = cluster.collection(name).await?.ok_or_else(|| {
                    let text = format!(
                        "there is no collection \"{name}\" on cluster \"{}\" to take the schema from",
                        cluster.name()
                    );
                    error::Error::new(Kind::CollectionNotFound, text).hint("send its schema")
                })?;
                (there, name.clone(), version)
            }
        };
        let (backup_id, format) = (header.backup_id, header.format);
        Ok(Import { backup_id, collection, was, format, weaviate_version })
    }
}

/// Far below what any client takes as a message.
const PART_BYTES: usize = 256 << 10;

fn in_parts(mut lines: Bytes) -> impl Iterator<Item = v1::ExportBackupResponse> {
    std::iter::from_fn(move || {
        let part = lines.split_to(lines.len().min(PART_BYTES));
        (!part.is_empty()).then(|| v1::ExportBackupResponse { lines: part.into() })
    })
}

/// A page, shorter than was asked for if it would be too large for a message.
async fn list(
    repository: &Repository,
    mut page: Page,
    wanted: &BackupFilter,
) -> error::Result<v1::ListBackupsResponse> {
    loop {
        let response = convert::backups(repository.list_backups(page.clone(), wanted).await?);
        if page.size == 1 || convert::fits_in_a_message(&response) {
            return Ok(response);
        }
        page.size /= 2;
    }
}
