//! The parts of transactions, by short names.

use crate::engine::keys::Range;
use crate::engine::stubs::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::engine::stubs::request_op::Request;
use crate::engine::stubs::response_op::Response;
use crate::engine::stubs::{
    Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RangeResponse, RequestOp, ResponseOp,
};

fn equal(key: Vec<u8>, target: CompareTarget, value: TargetUnion) -> Compare {
    let (result, target) = (CompareResult::Equal.into(), target.into());
    Compare { result, target, key, range_end: Vec::new(), target_union: Some(value) }
}

/// The key was created at that revision; 0: it is not there.
pub(crate) fn created_at(key: Vec<u8>, revision: i64) -> Compare {
    equal(key, CompareTarget::Create, TargetUnion::CreateRevision(revision))
}

/// There is no key in that range.
pub(crate) fn is_empty(range: &Range) -> Compare {
    Compare { range_end: range.end.clone(), ..created_at(range.start.clone(), 0) }
}

pub(crate) fn written_at(key: Vec<u8>, revision: i64) -> Compare {
    equal(key, CompareTarget::Mod, TargetUnion::ModRevision(revision))
}

/// The key was put so often since it was created; 0: it is not there.
pub(crate) fn version_is(key: Vec<u8>, version: i64) -> Compare {
    equal(key, CompareTarget::Version, TargetUnion::Version(version))
}

/// `lease` is 0 for none.
pub(crate) fn put(key: Vec<u8>, value: Vec<u8>, lease: i64) -> RequestOp {
    RequestOp { request: Some(Request::RequestPut(PutRequest { key, value, lease })) }
}

pub(crate) fn delete(key: Vec<u8>) -> RequestOp {
    let request = DeleteRangeRequest { key, range_end: Vec::new() };
    RequestOp { request: Some(Request::RequestDeleteRange(request)) }
}

pub(crate) fn delete_all(range: &Range) -> RequestOp {
    let request = DeleteRangeRequest { key: range.start.clone(), range_end: range.end.clone() };
    RequestOp { request: Some(Request::RequestDeleteRange(request)) }
}

pub(crate) fn get(key: Vec<u8>) -> RequestOp {
    read(RangeRequest { key, ..RangeRequest::default() })
}

pub(crate) fn list(range: &Range) -> RequestOp {
    read(all(range))
}

pub(crate) fn count(range: &Range) -> RequestOp {
    read(RangeRequest { count_only: true, ..all(range) })
}

/// The request for all keys of a range.
pub(crate) fn all(range: &Range) -> RangeRequest {
    RangeRequest { key: range.start.clone(), range_end: range.end.clone(), ..RangeRequest::default() }
}

fn read(request: RangeRequest) -> RequestOp {
    RequestOp { request: Some(Request::RequestRange(request)) }
}

/// What a read of a transaction came to, by its place among the answers.
pub(crate) fn answer(responses: &[ResponseOp], place: usize) -> Option<&RangeResponse> {
    match responses.get(place)?.response.as_ref()? {
        Response::ResponseRange(range) => Some(range),
        _ => None,
    }
}

/// The key that a [`get`] has found.
pub(crate) fn found(responses: &[ResponseOp], place: usize) -> Option<&KeyValue> {
    answer(responses, place)?.kvs.first()
}

/// How many keys a [`delete`] has deleted.
pub(crate) fn deleted(responses: &[ResponseOp], place: usize) -> i64 {
    match responses.get(place).and_then(|it| it.response.as_ref()) {
        Some(Response::ResponseDeleteRange(deleted)) => deleted.deleted,
        _ => 0,
    }
}
