//! The registry's errors, with Confluent's codes.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// An error as the API gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
}

impl Problem {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn not_found(code: u32, message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    fn unprocessable(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// A status of HTTP's own.
    pub(super) fn http(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, status.as_u16().into(), message)
    }

    pub(super) fn no_subject(subject: &str) -> Self {
        Self::not_found(40401, format!("Subject '{subject}' not found."))
    }

    pub(super) fn no_version(version: impl std::fmt::Display) -> Self {
        Self::not_found(40402, format!("Version {version} not found."))
    }

    pub(super) fn no_schema() -> Self {
        Self::not_found(40403, "Schema not found".to_owned())
    }

    pub(super) fn subject_soft_deleted(subject: &str) -> Self {
        Self::not_found(
            40404,
            format!("Subject '{subject}' was soft deleted. Set permanent=true to delete permanently"),
        )
    }

    pub(super) fn subject_not_soft_deleted(subject: &str) -> Self {
        Self::not_found(40405, format!("Subject '{subject}' was not deleted first before being permanently deleted"))
    }

    pub(super) fn version_soft_deleted(subject: &str, version: u32) -> Self {
        Self::not_found(
            40406,
            format!("Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently"),
        )
    }

    pub(super) fn version_not_soft_deleted(subject: &str, version: u32) -> Self {
        Self::not_found(
            40407,
            format!("Subject '{subject}' Version {version} was not deleted first before being permanently deleted"),
        )
    }

    pub(super) fn no_level(subject: &str) -> Self {
        Self::not_found(40408, format!("Subject '{subject}' does not have subject-level compatibility configured"))
    }

    pub(super) fn no_mode(subject: &str) -> Self {
        Self::not_found(40409, format!("Subject '{subject}' does not have subject-level mode configured"))
    }

    /// Confluent has sent both 409 and 40901 as the code.
    pub(super) fn incompatible(messages: &[String]) -> Self {
        let message = format!(
            "Schema being registered is incompatible with an earlier schema; details: [{}]",
            messages.join(", ")
        );
        Self::http(StatusCode::CONFLICT, message)
    }

    pub(super) fn invalid_schema(why: impl std::fmt::Display) -> Self {
        Self::unprocessable(42201, format!("Invalid schema: {why}"))
    }

    pub(super) fn invalid_version(version: &str) -> Self {
        Self::unprocessable(
            42202,
            format!(
                "The specified version '{version}' is not a valid version id. Allowed values are between \
                 [1, 2^31-1] and the string \"latest\""
            ),
        )
    }

    pub(super) fn invalid_level() -> Self {
        Self::unprocessable(
            42203,
            "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, \
             forward_transitive, and full_transitive",
        )
    }

    pub(super) fn invalid_mode() -> Self {
        Self::unprocessable(42204, "Invalid mode. This registry has READWRITE and READONLY")
    }

    pub(super) fn read_only(subject: &str) -> Self {
        Self::unprocessable(42205, format!("Subject {subject} is in read-only mode"))
    }

    pub(super) fn referenced(subject: &str, version: u32) -> Self {
        Self::unprocessable(42206, format!("One or more references exist to the schema {subject} version {version}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error_code": self.code, "message": self.message });
        (self.status, super::http::Json(body)).into_response()
    }
}
