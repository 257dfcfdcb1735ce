// Package vectors finds, fetches and replays the test vectors that the MLS working group publishes, and makes others. Call
// [Find] for a folder of vectors, [Replay] to run Copse against them, and [Report.WriteText] to show the outcome:
//
//	folder, err := vectors.Find("", "")
//	report, err := vectors.Replay(ctx, vectors.ReplayParams{Folder: folder})
//	err = report.WriteText(os.Stdout)
//
// [Fetch] downloads the published files into the cache that Find looks into. [Generate] makes vectors in the same format
// from a seed and replays them; [Generated.Write] stores them.
//
// A vector file is a JSON array; each element is one case, and what has to hold for it is written in the working
// group's test-vectors.md. Every check listed there is made. A case passes when all its checks hold; it is skipped only
// when this build has no implementation of its cipher suite, which the report then says. Files are untrusted input:
// anything that does not follow the format ends in an [InputError], never in a panic.
//
// This package is not part of the engine: it may read files, use the network and start goroutines.
package vectors
