//! The table's entries: a tool's definition with the function that does it.

use std::sync::{Arc, OnceLock};

pub(crate) use deputy_core::firstparty::Effect;
use deputy_core::firstparty::{AskRule, FailureKind, Preflight, ToolSpec, schema};
use futures_util::future::BoxFuture;
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::error::ToolError;

/// Google is not ours.
const OPEN_WORLD: bool = true;

type Run = Arc<dyn Fn(Call, Value) -> BoxFuture<'static, Result<Value, ToolError>> + Send + Sync>;

/// One tool: what is said about it, and what it does.
pub(crate) struct Tool {
    pub(crate) spec: ToolSpec,
    run: Run,
    preflight: Option<Run>,
    /// Compiled when the tool is first called.
    validator: OnceLock<Option<jsonschema::Validator>>,
}

impl Tool {
    /// A tool called `name` that runs `run`. It reads, needs no scope and never asks until said
    /// otherwise.
    pub(crate) fn new<A, R, F, Fut>(
        name: &'static str,
        title: &str,
        description: &str,
        run: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + 'static,
        F: Fn(Call, A) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        Self {
            spec: ToolSpec {
                name,
                title: title.to_owned(),
                description: description.split_whitespace().collect::<Vec<_>>().join(" "),
                input_schema: schema::arguments::<A>(),
                output_schema: schema::result::<R>(),
                annotations: Effect::Read.annotations(OPEN_WORLD),
                scopes: &[],
                ask: AskRule::Never,
            },
            run: wrap(run),
            preflight: None,
            validator: OnceLock::new(),
        }
    }

    /// What it does to the world.
    pub(crate) fn effect(mut self, effect: Effect) -> Self {
        self.spec.annotations = effect.annotations(OPEN_WORLD);
        self
    }

    /// OAuth scopes, any one of which is enough.
    pub(crate) fn scopes(mut self, scopes: &'static [&'static str]) -> Self {
        self.spec.scopes = scopes;
        self
    }

    /// When it asks.
    pub(crate) fn ask(mut self, ask: AskRule) -> Self {
        self.spec.ask = ask;
        self
    }

    /// What finds out, without an effect, whom it would touch.
    pub(crate) fn preflight<A, F, Fut>(mut self, preflight: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        F: Fn(Call, A) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<Preflight, ToolError>> + Send + 'static,
    {
        self.preflight = Some(wrap(preflight));
        self
    }

    /// Checks `arguments` against the input schema, then runs the tool (or its preflight).
    pub(crate) async fn call(
        &self,
        call: Call,
        arguments: Value,
        preflight: bool,
    ) -> Result<Value, ToolError> {
        self.validate(&arguments)?;
        if !preflight {
            return (self.run)(call, arguments).await;
        }
        let Some(preflight) = &self.preflight else {
            return Err(ToolError::refused(
                FailureKind::Invalid,
                format!("{} has no preflight", self.spec.name),
            ));
        };
        preflight(call, arguments).await
    }

    fn validate(&self, arguments: &Value) -> Result<(), ToolError> {
        let validator = self.validator.get_or_init(|| {
            jsonschema::validator_for(&self.spec.input_schema)
                .inspect_err(|error| tracing::error!(tool = self.spec.name, %error, "the input schema is none"))
                .ok()
        });
        let Some(error) = validator
            .as_ref()
            .and_then(|v| v.iter_errors(arguments).next())
        else {
            return Ok(());
        };
        let at = error.instance_path().to_string();
        let names = || {
            let properties = self
                .spec
                .input_schema
                .get("properties")
                .and_then(Value::as_object);
            properties
                .map(|p| p.keys().cloned().collect::<Vec<_>>().join(", "))
                .unwrap_or_default()
        };
        Err(match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } if at.is_empty() => {
                let name = unexpected.first().map(String::as_str).unwrap_or_default();
                ToolError::argument(
                    name,
                    format!("there is no such argument; there are: {}", names()),
                )
            }
            ValidationErrorKind::Required { property } => ToolError::argument(
                &format!("{at}/{}", property.as_str().unwrap_or_default()),
                "this argument is required",
            ),
            _ => ToolError::argument(&at, error.to_string()),
        })
    }
}

fn wrap<A, R, F, Fut>(run: F) -> Run
where
    A: DeserializeOwned + Send + 'static,
    R: Serialize,
    F: Fn(Call, A) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
{
    Arc::new(move |call, arguments| {
        Box::pin(async move {
            let arguments: A = serde_json::from_value(arguments)
                .map_err(|error| ToolError::argument("", error.to_string()))?;
            let answer = run(call, arguments).await?;
            serde_json::to_value(answer).map_err(|error| {
                ToolError::refused(
                    FailureKind::Unavailable,
                    format!("the answer cannot be written: {error}"),
                )
            })
        })
    })
}
