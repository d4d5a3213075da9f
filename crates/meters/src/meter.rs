//! What every metric provider can be asked.

use std::collections::BTreeMap;
use std::fmt;

use api::MetricProviderType;
use http::{Request, Response};

use crate::Error;
use crate::prometheus::Prometheus;

/// One metric provider.
///
/// *Expected flow.* [`Meter::request`], send it, [`Meter::reading`]; likewise for [`Meter::online_request`].
pub trait Meter: fmt::Debug + Sync {
    /// The provider's type in a `MetricTemplate`.
    fn provider(&self) -> MetricProviderType;

    /// The request that answers the query.
    fn request(&self, server: &Server<'_>, query: &str) -> Result<Request<Vec<u8>>, Error>;

    /// What the response to a [`Meter::request`] says.
    fn reading(&self, response: &Response<Vec<u8>>) -> Result<Reading, Error>;

    /// A request by whose response one can tell whether the provider works.
    fn online_request(&self, server: &Server<'_>) -> Result<Request<Vec<u8>>, Error>;

    /// Whether the response to a [`Meter::online_request`] says so.
    fn online(&self, response: &Response<Vec<u8>>) -> Result<(), Error>;
}

/// All providers.
pub fn all() -> [&'static dyn Meter; 1] {
    [&Prometheus]
}

/// The provider of this type.
pub fn find(provider: MetricProviderType) -> Result<&'static dyn Meter, Error> {
    let name = |provider: MetricProviderType| format!("{provider:?}").to_lowercase();
    all().into_iter().find(|meter| meter.provider() == provider).ok_or_else(|| Error::UnknownProvider {
        provider: name(provider),
        available: all().map(|meter| name(meter.provider())).join(", "),
    })
}

/// Where a provider's API is, and how to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// Base URL, empty when the template has none.
    pub address: &'a str,
    /// Headers to send along.
    pub headers: &'a BTreeMap<String, Vec<String>>,
    /// What the template's Secret holds, if it names one.
    pub credentials: Option<&'a Credentials>,
}

/// The decoded data of a Secret. It doesn't show its values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, String>);

impl Credentials {
    /// Takes the data of a Secret.
    pub fn new(data: BTreeMap<String, String>) -> Self {
        Self(data)
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of a key that has to be there.
    pub(crate) fn required(&self, key: &'static str) -> Result<&str, Error> {
        self.get(key).ok_or(Error::Credential { key })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a provider says about a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// A number; never NaN.
    Value(f64),
    /// That there is none.
    NoData(NoData),
}

/// Why there is no number, in the words that users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoData {
    /// Nothing was measured, or it is not a number.
    NoValues,
    /// The query asks for values over time.
    MultipleValues,
}

impl fmt::Display for NoData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoValues => "no values found",
            Self::MultipleValues => "query returned multiple values",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_not_built_is_refused_by_the_name_of_its_field() {
        let refused = find(MetricProviderType::Datadog).unwrap_err();
        assert_eq!(refused.to_string(), r#"spec.provider.type "datadog" is not available, use one of: prometheus"#);
    }

    #[test]
    fn credentials_do_not_show_their_values() {
        let credentials = Credentials::new(BTreeMap::from([("token".to_owned(), "hunter2".to_owned())]));
        assert_eq!(format!("{credentials:?}"), r#"{"token"}"#);
    }
}
