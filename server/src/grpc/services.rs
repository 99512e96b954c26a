//! The services of the contract, with health and reflection beside them.

mod backups;
mod collections;
mod jobs;
mod server;

use std::sync::Arc;
use std::time::Duration;

use selvedge_proto::FILE_DESCRIPTOR_SET;
use selvedge_proto::v1;
use selvedge_proto::v1::backup_service_server::BackupServiceServer;
use selvedge_proto::v1::collection_service_server::CollectionServiceServer;
use selvedge_proto::v1::job_service_server::JobServiceServer;
use selvedge_proto::v1::server_service_server::ServerServiceServer;
use tonic::service::Routes;
use tonic::{Request, Status};

use self::backups::Backups;
use self::collections::Collections;
use self::jobs::Jobs;
use self::server::Server;
use super::status::refusal;
use super::watch::{Watch, watch};
use super::{Health, convert};
use crate::access::{Caller, Role, role_of};
use crate::jobs::{Asking, Registry, Shown, Snapshot, State};
use selvedge_archive::{BackupFilter, BackupId, BackupKind};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{LATEST, LatestOf, Operation, Places};

/// All services, and the handle with which the server says whether it takes calls.
pub async fn routes(places: Arc<Places>, registry: Arc<Registry>) -> Result<(Routes, Health)> {
    let desk = Desk { places, registry };
    let collections = CollectionServiceServer::new(Collections(desk.clone()));
    let jobs = JobServiceServer::new(Jobs(desk.clone()));
    let server = ServerServiceServer::new(Server(desk.clone()));
    let backups = BackupServiceServer::new(Backups(desk));
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let names = [
        v1::collection_service_server::SERVICE_NAME,
        v1::backup_service_server::SERVICE_NAME,
        v1::job_service_server::SERVICE_NAME,
        v1::server_service_server::SERVICE_NAME,
    ];
    let health = Health::serving(reporter, &names).await;
    // Both versions: older grpcurl knows only v1alpha.
    let reflection = reflection().build_v1().map_err(no_reflection)?;
    let reflection_alpha = self::reflection().build_v1alpha().map_err(no_reflection)?;
    let routes = Routes::new(collections)
        .add_service(backups)
        .add_service(jobs)
        .add_service(server)
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

/// Where calls that start jobs end up.
#[derive(Clone)]
struct Desk {
    places: Arc<Places>,
    registry: Arc<Registry>,
}

impl Desk {
    /// Starts a job, or finds the one that the same call has started before.
    async fn start(&self, caller: Caller, call: convert::Call) -> Result<Shown> {
        let places = Arc::clone(&self.places);
        let request = places.complete(call.request)?;
        let (needed, what) = role_of(&request.operation);
        caller.check(needed, what)?;
        if let Some(request_id) = &call.request_id
            && let Some(shown) = self.registry.started(request_id, &request).await?
        {
            return Ok(shown);
        }
        let latest = latest(&places, &request).await?;
        let work = |context, request| async move { selvedge_ops::run(&context, &places, &request).await };
        let asking = Asking { request_id: call.request_id, caller: caller.name, latest };
        self.registry.start(asking, request, work).map(Shown::Here)
    }

    /// Whether the caller could have started this job.
    async fn check_job(&self, caller: &Caller, id: &str) -> Result<()> {
        let shown = match self.registry.show(id).await {
            // What it does is not known here: it may be anything.
            Err(error) if error.kind() == Kind::KeyMissing => {
                return caller.check(Role::Destroy, "a job that is encrypted");
            }
            shown => shown?,
        };
        let (needed, what) = role_of(&shown.request().operation);
        caller.check(needed, what)
    }

    /// None: it waits for what other jobs hold as long as it was started to.
    async fn resume(&self, caller: &Caller, id: &str, lock_timeout: Option<Duration>) -> Result<Shown> {
        self.check_job(caller, id).await?;
        let places = Arc::clone(&self.places);
        let work = move |context, mut request: selvedge_ops::Request| async move {
            request.lock_timeout = lock_timeout.unwrap_or(request.lock_timeout);
            selvedge_ops::run(&context, &places, &request).await
        };
        self.registry.resume(id, work).await.map(Shown::Here)
    }

    /// A job that is meant by its id, or the beginning of it, as it is now.
    async fn ended(&self, job: &str, field: &'static str) -> Result<Snapshot> {
        let id = self.registry.resolve(job).await?;
        let job = match self.registry.show(&id).await? {
            Shown::Here(job) => self.registry.snapshot(&job),
            Shown::Written(snapshot) => *snapshot,
        };
        if !job.lifecycle.state.is_terminal() {
            let text = format!("job {id} has not ended");
            return Err(Error::invalid(field, text).hint("wait for its end, or cancel it first"));
        }
        Ok(job)
    }

    /// The call of a copy, which may repeat an earlier one.
    async fn copying(&self, wire: v1::CopyRequest) -> Result<convert::Call> {
        if wire.since.is_empty() {
            return convert::copy_call(wire, None);
        }
        let job = self.ended(&wire.since, "since").await?;
        if job.lifecycle.state != State::Succeeded {
            let text = format!("job {} has not succeeded, so nobody knows what it has copied", job.id);
            return Err(Error::invalid("since", text).hint("resume it, or copy anew"));
        }
        if job.request.operation.is_dry_run() {
            let text = format!("job {} was a dry run, and has copied nothing", job.id);
            return Err(Error::invalid("since", text).hint("name the job that has made the copy"));
        }
        convert::copy_call(wire, Some(&job.request))
    }

    /// The call that puts back what a job has changed.
    async fn undoing(&self, wire: v1::UndoRequest) -> Result<convert::Call> {
        let job = self.ended(&wire.job_id, "job_id").await?;
        let id = job.id.to_string();
        let Some(saved) = job.lifecycle.report.backed_up.clone() else {
            let text = format!("job {id} has saved nothing of what it changed, or has changed nothing");
            return Err(Error::invalid("job_id", text).hint(
                "repairs can be undone, merges with `undoable`, and what is done with `backup_first`",
            ));
        };
        let repository = self.places.repository(&job.request.repository)?;
        let backup = repository.open_backup(&saved).await?;
        let is_whole = backup.manifest().kind != BackupKind::Undo;
        convert::undo_call(wire, &job.request, &id, saved, is_whole)
    }

    fn watch<T: 'static>(&self, shown: Shown, wrap: fn(v1::Job) -> T) -> Watch<T> {
        watch(Arc::clone(&self.registry), shown, wrap)
    }
}

/// Who calls, as the gate has found out.
fn caller<T>(request: &Request<T>) -> std::result::Result<Caller, Status> {
    let found = request.extensions().get::<Caller>().cloned();
    found.ok_or_else(|| refusal(Error::internal("a call has come in past the gate")))
}

/// The backup that a request means by "latest"; None if it names another one.
async fn latest(places: &Places, request: &selvedge_ops::Request) -> Result<Option<BackupId>> {
    let (id, of, selection) = match &request.operation {
        Operation::Restore(restore) | Operation::Repair(restore) => {
            (&restore.backup_id, &restore.latest_of, &restore.wanted.collections)
        }
        Operation::Verify(verify) => (&verify.backup_id, &verify.latest_of, &verify.collections),
        Operation::Backup(_) | Operation::Clear(_) | Operation::Copy(_) => return Ok(None),
    };
    if id.as_str() != LATEST {
        return Ok(None);
    }
    let repository = places.repository(&request.repository)?;
    repository.check().await?;
    let LatestOf { cluster, tag } = of.clone();
    let of = BackupFilter { cluster, tag, ..BackupFilter::default() };
    repository.latest(selection, of).await.map(Some)
}
