//! Whose requests an analysis is about.

use api::HttpMatch;

/// Requests that meet a condition of the analysis and one of the service.
///
/// Where both say something about headers, query parameters or source labels, what the analysis says counts, as in Flagger.
pub(crate) fn chosen(analysis: &[HttpMatch], service: &[HttpMatch]) -> Vec<HttpMatch> {
    if service.is_empty() {
        return analysis.to_vec();
    }
    analysis.iter().flat_map(|analysis| service.iter().map(move |service| both(analysis, service))).collect()
}

fn both(analysis: &HttpMatch, service: &HttpMatch) -> HttpMatch {
    let mut both = service.clone();
    if !analysis.headers.is_empty() {
        both.headers.clone_from(&analysis.headers);
    }
    if !analysis.query_params.is_empty() {
        both.query_params.clone_from(&analysis.query_params);
    }
    if !analysis.source_labels.is_empty() {
        both.source_labels.clone_from(&analysis.source_labels);
    }
    both
}
