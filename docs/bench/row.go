package main

import (
	"context"
	"time"
)

// Row is one line of the table: something to measure, and the most it may come to.
type Row struct {
	Name  string // for --only
	What  string // what is measured, against what
	Limit float64
	Unit  string  // of Limit and of what Measure returns: x for ratios, else B or MB (of 1,000,000 B)
	Noise float64 // how far over the limit a sound engine may be measured, as a fraction of the limit

	// Measure returns the value, and in words what it was made from.
	Measure func(ctx context.Context, env *Env) (value float64, detail string, err error)
}

// Noise of the two kinds of rows. Times vary with what else the machine does, though the best of many rounds much less
// than a single one; sizes in memory vary only by what the runtime itself keeps.
const (
	noiseOfTimes = 0.10
	noiseOfSizes = 0.01
)

// Verdict is how a row came out.
type Verdict string

// The verdicts. Over and Failed make the run fail.
const (
	Within Verdict = "ok"
	Noisy  Verdict = "ok, within noise" // over the limit, by no more than noise
	Over   Verdict = "OVER"
	Failed Verdict = "FAILED" // could not be measured
)

// Result is a row measured. Its JSON form is stable.
type Result struct {
	Name    string        `json:"name"`
	What    string        `json:"what"`
	Value   float64       `json:"value"`
	Limit   float64       `json:"limit"`
	Noise   float64       `json:"noise"`
	Unit    string        `json:"unit"`
	Verdict Verdict       `json:"verdict"`
	Detail  string        `json:"detail"` // how the value came about, or why there is none
	Elapsed time.Duration `json:"elapsed_ns"`
}

// verdict compares a measured value with the limit.
func (r Row) verdict(value float64) Verdict {
	switch {
	case value <= r.Limit:
		return Within
	case value <= r.Limit*(1+r.Noise):
		return Noisy
	}
	return Over
}

// judge measures the row. A value over the limit may be the machine's doing, so it is measured again with twice the
// rounds; the second result counts.
func (r Row) judge(ctx context.Context, env *Env) Result {
	start := time.Now()
	value, detail, err := r.Measure(ctx, env)
	if err == nil && r.verdict(value) != Within {
		again := *env
		again.rounds *= 2
		value, detail, err = r.Measure(ctx, &again)
	}
	result := Result{
		Name: r.Name, What: r.What, Limit: r.Limit, Noise: r.Noise, Unit: r.Unit,
		Value: value, Verdict: r.verdict(value), Detail: detail, Elapsed: time.Since(start),
	}
	if err != nil {
		result.Value, result.Verdict, result.Detail = 0, Failed, err.Error()
	}
	return result
}
