//! The flagger.app/v1beta1 API: Canary, MetricTemplate, AlertProvider.
//!
//! The types hold what users wrote and what the operator recorded, field for field as in the published schema; a field
//! that may be left out is an `Option`, an empty collection, or 0 where the API takes 0 for absent.
//! They deliberately do not know what an absent field means (`rollout::plan` does), nor how to reach a cluster.
//! With the feature `schema` they also generate the CustomResourceDefinitions, of which they are the single source.
//!
//! Start reading at [`Canary`]; [`Phase`] tells the story of a release.

#![expect(clippy::doc_markdown, reason = "the fields' documentation is the CRDs' too, where backticks are noise")]

pub mod duration;
pub mod names;
pub mod well_known;

mod alert_provider;
mod canary;
mod int_or_string;
mod metric_template;
mod number;
mod owner;
mod refs;
#[cfg(feature = "schema")]
mod schema;
mod seconds;
mod validate;

pub use alert_provider::{AlertProvider, AlertProviderSpec, AlertProviderType};
pub use canary::*;
pub use int_or_string::IntOrString;
pub use metric_template::{MetricProvider, MetricProviderType, MetricTemplate, MetricTemplateSpec};
pub use refs::{NameRef, ObjectRef, SecretRef};
#[cfg(feature = "schema")]
pub use schema::crds;
pub use validate::{Invalid, Rules, validate};
