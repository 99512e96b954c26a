use selvedge_proto::v1;
use selvedge_proto::v1::job_service_server::JobService;
use tonic::{Request, Response, Status};

use super::{Desk, caller};
use crate::grpc::convert;
use crate::grpc::status::refusal;
use crate::grpc::watch::Watch;
use crate::jobs::Shown;

pub struct Jobs(pub Desk);

impl Jobs {
    /// The id of the job that is meant.
    async fn named(&self, text: &str) -> Result<String, Status> {
        self.0.registry.resolve(text).await.map_err(refusal)
    }

    fn now(&self, shown: Shown) -> Option<v1::Job> {
        Some(match shown {
            Shown::Here(job) => convert::job(&self.0.registry.snapshot(&job)),
            Shown::Written(snapshot) => convert::job(&snapshot),
        })
    }
}

#[tonic::async_trait]
impl JobService for Jobs {
    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let request = request.into_inner();
        let before = convert::jobs_after(&request.page_token).map_err(refusal)?;
        let size = convert::page_size(request.page_size);
        // One more tells that there is another page.
        let jobs = self.0.registry.list(request.active_only, before, size + 1).await.map_err(refusal)?;
        Ok(Response::new(convert::page_of_jobs(jobs.iter().map(convert::job), size)))
    }

    async fn get_job(
        &self,
        request: Request<v1::GetJobRequest>,
    ) -> Result<Response<v1::GetJobResponse>, Status> {
        let id = self.named(&request.into_inner().job_id).await?;
        let shown = self.0.registry.show(&id).await.map_err(refusal)?;
        Ok(Response::new(v1::GetJobResponse { job: self.now(shown) }))
    }

    type WatchJobStream = Watch<v1::WatchJobResponse>;

    async fn watch_job(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let id = self.named(&request.into_inner().job_id).await?;
        let shown = self.0.registry.show(&id).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(shown, |job| v1::WatchJobResponse { job: Some(job) })))
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let caller = caller(&request)?;
        let id = self.named(&request.into_inner().job_id).await?;
        self.0.check_job(&caller, &id).await.map_err(refusal)?;
        let shown = self.0.registry.cancel(&id).await.map_err(refusal)?;
        Ok(Response::new(v1::CancelJobResponse { job: self.now(shown) }))
    }

    type ResumeJobStream = Watch<v1::ResumeJobResponse>;

    async fn resume_job(
        &self,
        request: Request<v1::ResumeJobRequest>,
    ) -> Result<Response<Self::ResumeJobStream>, Status> {
        let caller = caller(&request)?;
        let v1::ResumeJobRequest { job_id, lock_timeout } = request.into_inner();
        let lock_timeout = convert::lock_timeout(lock_timeout).map_err(refusal)?;
        let id = self.named(&job_id).await?;
        let job = self.0.resume(&caller, &id, lock_timeout).await.map_err(refusal)?;
        Ok(Response::new(self.0.watch(job, |job| v1::ResumeJobResponse { job: Some(job) })))
    }

    async fn list_failures(
        &self,
        request: Request<v1::ListFailuresRequest>,
    ) -> Result<Response<v1::ListFailuresResponse>, Status> {
        let v1::ListFailuresRequest { job_id, page_size, page_token } = request.into_inner();
        let job_id = self.named(&job_id).await?;
        let token = Some(page_token.as_str()).filter(|token| !token.is_empty());
        let mut size = convert::page_size(page_size);
        loop {
            let page = self.0.registry.failures(&job_id, size, token).await.map_err(refusal)?;
            let response = convert::failures(page);
            // Weaviate's reasons can quote values.
            if size == 1 || convert::fits_in_a_message(&response) {
                return Ok(Response::new(response));
            }
            size /= 2;
        }
    }
}
