// Package vectors finds, fetches and replays the test vectors that the MLS working group publishes, and makes others.
//
// Call [Find] to get a folder of vectors, [Replay] to run Copse against them, and [Report.WriteText] to show a person what
// came out. [Fetch] downloads the published files into the cache that Find looks into last.
//
// [Generate] makes vectors of one's own in the same format, from a seed, and replays them; [Generated.Write] keeps them.
//
// A vector file is a JSON array; each element is one case, and what has to hold for it is written in the working
// group's test-vectors.md. Every check listed there is made. A case passes when all its checks hold; it is skipped only
// when this build has no implementation of its cipher suite, which the report then says. Files are input from
// outside: anything that is not as the format says ends in an [InputError], never in a panic.
//
// This package stands above the engine and is not part of it. It may read files, use the network and start goroutines.
package vectors
