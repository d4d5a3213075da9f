//! One metric provider a file: queries to requests, responses to readings.
