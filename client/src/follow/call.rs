//! The calls that stream a job.

use std::pin::Pin;

use selvedge_proto::v1::{
    BackupRequest, BackupResponse, ClearRequest, ClearResponse, CopyRequest, CopyResponse, Job,
    RepairRequest, RepairResponse, RestoreRequest, RestoreResponse, ResumeJobRequest, ResumeJobResponse,
    UndoRequest, UndoResponse, VerifyBackupRequest, VerifyBackupResponse, WatchJobRequest, WatchJobResponse,
};
use tokio_stream::{Stream, StreamExt};
use tonic::{Response, Status, Streaming};

use crate::connect::Server;

pub type JobStream = Pin<Box<dyn Stream<Item = Result<Job, Status>> + Send>>;

/// A call that can be made again: starting calls carry a request id, and a job that runs is not resumed once more.
#[derive(Clone, Debug)]
pub enum Call {
    Backup(BackupRequest),
    Restore(Box<RestoreRequest>),
    Clear(ClearRequest),
    Copy(Box<CopyRequest>),
    Repair(RepairRequest),
    Undo(UndoRequest),
    Verify(VerifyBackupRequest),
    /// Of a job that has ended.
    Resume(ResumeJobRequest),
    /// To a job that exists, by its id.
    Watch(String),
}

impl Call {
    pub async fn open(&self, server: &Server) -> Result<JobStream, Status> {
        Ok(match self.clone() {
            Self::Backup(request) => jobs(server.collections().backup(request).await?),
            Self::Restore(request) => jobs(server.collections().restore(*request).await?),
            Self::Clear(request) => jobs(server.collections().clear(request).await?),
            Self::Copy(request) => jobs(server.collections().copy(*request).await?),
            Self::Repair(request) => jobs(server.collections().repair(request).await?),
            Self::Undo(request) => jobs(server.collections().undo(request).await?),
            Self::Verify(request) => jobs(server.backups().verify_backup(request).await?),
            Self::Resume(request) => jobs(server.jobs().resume_job(request).await?),
            Self::Watch(job_id) => jobs(server.jobs().watch_job(WatchJobRequest { job_id }).await?),
        })
    }
}

/// A fresh id that makes a starting call safe to repeat.
pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

trait HasJob {
    fn job(self) -> Option<Job>;
}

macro_rules! has_job {
    ($($response:ty),*) => {
        $(impl HasJob for $response {
            fn job(self) -> Option<Job> {
                self.job
            }
        })*
    };
}
has_job!(
    BackupResponse,
    RestoreResponse,
    ClearResponse,
    CopyResponse,
    RepairResponse,
    UndoResponse,
    VerifyBackupResponse,
    ResumeJobResponse,
    WatchJobResponse
);

fn jobs<R: HasJob + Send + 'static>(response: Response<Streaming<R>>) -> JobStream {
    Box::pin(response.into_inner().filter_map(|message| message.map(HasJob::job).transpose()))
}
