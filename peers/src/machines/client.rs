//! The writes themselves, with the client stack of `permits-etcd` and nothing above it: the floors.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::stubs::compare::{CompareResult, CompareTarget, TargetUnion};
use super::stubs::kv_client::KvClient;
use super::stubs::lease_client::LeaseClient;
use super::stubs::request_op::Request as Op;
use super::stubs::{Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, PutResponse, RequestOp, TxnRequest};

/// Longer than any run, so that nothing has to renew it.
const TTL: i64 = 3600;

/// About as long as what `permits-etcd` writes for a place.
const VALUE: &[u8] = br#"{"first":0,"n":1,"since":1764000000000,"pad":"0123456789"}"#;

/// A connection to one server, with a lease. Calls block the calling thread, which drives the connection.
pub struct Client {
    runtime: Runtime,
    pub calls: Calls,
}

impl Client {
    pub fn connect(endpoint: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let calls = runtime.block_on(Calls::connect(endpoint)).expect("the server has answered before");
        Self { runtime, calls }
    }

    pub fn block_on<T>(&self, call: impl Future<Output = Result<T, Status>>) -> T {
        self.runtime.block_on(call).expect("the server answers")
    }
}

/// The calls, for any runtime.
#[derive(Clone)]
pub struct Calls {
    pub channel: Channel,
    lease: i64,
    prefix: String,
}

impl Calls {
    pub async fn connect(endpoint: &str) -> Result<Self, Status> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let endpoint = Endpoint::from_shared(format!("http://{endpoint}")).expect("it is an address").tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|why| Status::unavailable(why.to_string()))?;
        let request = LeaseGrantRequest { ttl: TTL, id: 0 };
        let lease = LeaseClient::new(channel.clone()).lease_grant(request).await?.into_inner().id;
        // As long as the keys of `permits-etcd`.
        let prefix = format!("/floors/v1/{:04}/q/{lease:016x}.", NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(Self { channel, lease, prefix })
    }

    pub fn key(&self, number: usize) -> Vec<u8> {
        format!("{}{number:08x}", self.prefix).into_bytes()
    }

    fn request(&self, number: usize) -> PutRequest {
        PutRequest { key: self.key(number), value: VALUE.to_vec(), lease: self.lease }
    }

    /// A put under the lease. The stubs have none, since `permits-etcd` makes none outside a transaction.
    pub async fn put(&self) -> Result<(), Status> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|why| Status::unavailable(why.to_string()))?;
        let codec: ProstCodec<PutRequest, PutResponse> = ProstCodec::default();
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
        grpc.unary(Request::new(self.request(0)), path, codec).await.map(drop)
    }

    pub async fn delete(&self) -> Result<(), Status> {
        let request = DeleteRangeRequest { key: self.key(0), range_end: Vec::new() };
        let deleted = KvClient::new(self.channel.clone()).delete_range(request).await?.into_inner().deleted;
        assert_eq!(deleted, 1, "it was there");
        Ok(())
    }

    /// Puts `count` keys in one transaction, if none of them is there.
    pub async fn put_all(&self, count: usize) -> Result<(), Status> {
        let absent = |number| Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Create.into(),
            key: self.key(number),
            range_end: Vec::new(),
            target_union: Some(TargetUnion::CreateRevision(0)),
        };
        let success = (0..count).map(|number| Op::RequestPut(self.request(number)));
        self.transact((0..count).map(absent).collect(), success).await
    }

    pub async fn delete_all(&self, count: usize) -> Result<(), Status> {
        let delete = |number| DeleteRangeRequest { key: self.key(number), range_end: Vec::new() };
        self.transact(Vec::new(), (0..count).map(delete).map(Op::RequestDeleteRange)).await
    }

    async fn transact(&self, compare: Vec<Compare>, success: impl Iterator<Item = Op>) -> Result<(), Status> {
        let success = success.map(|request| RequestOp { request: Some(request) }).collect();
        let request = TxnRequest { compare, success, failure: Vec::new() };
        let answer = KvClient::new(self.channel.clone()).txn(request).await?.into_inner();
        assert!(answer.succeeded, "it compares with what this client alone writes");
        Ok(())
    }
}
