use selvedge_proto::v1;
use selvedge_proto::v1::server_service_server::ServerService;
use tonic::{Request, Response, Status};

use super::Desk;
use crate::grpc::convert;
use crate::grpc::status::refusal;

pub struct Server(pub Desk);

#[tonic::async_trait]
impl ServerService for Server {
    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        let v1::CheckRequest { cluster, repository } = request.into_inner();
        let lines = selvedge_ops::check(&self.0.places, &cluster, &repository).await.map_err(refusal)?;
        Ok(Response::new(convert::checked(lines)))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let v1::GetStatusRequest { cluster, repository } = request.into_inner();
        let status = selvedge_ops::status(&self.0.places, &cluster, &repository).await.map_err(refusal)?;
        Ok(Response::new(convert::status(status)))
    }
}
