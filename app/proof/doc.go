// Package proof makes the report for whoever answers for the security of a closed network: what was tried at this moment to get out, what the
// processes have open and in memory, what they consist of, and what this program cannot promise.
//
// [Collect] looks and tries; every field of a [Report] is what it found. A check that could not be made has its reason in place of a result, and
// [Report.Failed] names what is not as it should be. [WritePDF] writes a page in Japanese and one in English without technical words, then the technical part;
// as JSON the Report is `kakoi doctor --report FILE.json`, whose field names are stable (Format says when they change).
package proof
