use std::sync::Arc;

use selvedge_proto::v1;
use selvedge_proto::v1::job_service_server::JobService;
use tonic::{Request, Response, Status};

use super::now;
use crate::grpc::convert;
use crate::grpc::status::refusal;
use crate::grpc::watch::{Watch, watch};
use crate::jobs::Registry;

pub struct Jobs {
    pub registry: Arc<Registry>,
}

#[tonic::async_trait]
impl JobService for Jobs {
    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let request = request.into_inner();
        let before = convert::jobs_after(&request.page_token).map_err(refusal)?;
        let jobs = self.registry.list(request.active_only, before);
        let jobs = jobs.iter().filter_map(|job| now(job));
        Ok(Response::new(convert::page_of_jobs(jobs, convert::page_size(request.page_size))))
    }

    async fn get_job(
        &self,
        request: Request<v1::GetJobRequest>,
    ) -> Result<Response<v1::GetJobResponse>, Status> {
        let job = self.registry.get(&request.into_inner().job_id).map_err(refusal)?;
        Ok(Response::new(v1::GetJobResponse { job: now(&job) }))
    }

    type WatchJobStream = Watch<v1::WatchJobResponse>;

    async fn watch_job(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let job = self.registry.get(&request.into_inner().job_id).map_err(refusal)?;
        Ok(Response::new(watch(job, |job| v1::WatchJobResponse { job: Some(job) })))
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let job = self.registry.cancel(&request.into_inner().job_id).map_err(refusal)?;
        Ok(Response::new(v1::CancelJobResponse { job: now(&job) }))
    }
}
