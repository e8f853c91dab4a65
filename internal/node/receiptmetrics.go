package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/scorer"
)

// watchPages exports what this validator shows others.
func watchPages(r prometheus.Registerer, p *receiptPages) { r.MustRegister(pagesShown{p}) }

// pagesShown collects from the pages.
type pagesShown struct{ p *receiptPages }

var (
	receiptsShownDesc = prometheus.NewDesc("vision_receipts_shown_total",
		"Receipts that other validators were shown, each time that they were.", nil, nil)
	receiptPagesDesc = prometheus.NewDesc("vision_receipts_pages_total",
		"Pages of receipts asked for; fate: shown, unchanged since the caller's last, limited (asked for too often), forbidden (to no validator), failed.", []string{"fate"}, nil)
)

func (pagesShown) Describe(to chan<- *prometheus.Desc) {
	to <- receiptsShownDesc
	to <- receiptPagesDesc
}

func (m pagesShown) Collect(to chan<- prometheus.Metric) {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	to <- prometheus.MustNewConstMetric(receiptsShownDesc, prometheus.CounterValue, float64(m.p.shown))
	for _, fate := range []pageFate{pageShown, pageUnchanged, pageLimited, pageForbidden, pageFailed} {
		to <- prometheus.MustNewConstMetric(receiptPagesDesc, prometheus.CounterValue, float64(m.p.pages[fate]), string(fate))
	}
}

// watchReceipts exports what came of what others show.
func watchReceipts(r prometheus.Registerer, s taking) { r.MustRegister(receiptsTaken{s}) }

// taking is what a scorer tells of receipts.
type taking interface{ ReceiptStats() scorer.ReceiptStats }

// receiptsTaken collects from a scorer.
type receiptsTaken struct{ scorer taking }

var (
	receiptsFetchedDesc = prometheus.NewDesc("vision_receipts_fetched_total",
		"Receipts read from peers' pages, each time that they were.", nil, nil)
	receiptsJudgedDesc = prometheus.NewDesc("vision_receipts_judged_total",
		"Receipts of peers' judged again by this validator's checking servers; verdict: confirmed (its answer speaks against the miner here too), unconfirmed, unjudgeable.", []string{"verdict"}, nil)
	receiptsRefusedDesc = prometheus.NewDesc("vision_receipts_refused_total",
		"Receipts of peers' not judged, each time that they were shown, by why.", []string{"why"}, nil)
	receiptsPendingDesc = prometheus.NewDesc("vision_receipts_pending",
		"Receipts of peers' left for another time, as of each peer's last pages: it had its share, or checks are behind.", nil, nil)
	receiptsAccusedDesc = prometheus.NewDesc("vision_receipts_looked_into",
		"Miners on tasks all of whose answers are checked for what peers showed.", nil, nil)
)

func (receiptsTaken) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{receiptsFetchedDesc, receiptsJudgedDesc, receiptsRefusedDesc, receiptsPendingDesc, receiptsAccusedDesc} {
		to <- d
	}
}

func (m receiptsTaken) Collect(to chan<- prometheus.Metric) {
	s := m.scorer.ReceiptStats()
	to <- prometheus.MustNewConstMetric(receiptsFetchedDesc, prometheus.CounterValue, float64(s.Fetched))
	for verdict, n := range map[string]int64{"confirmed": s.Confirmed, "unconfirmed": s.Unconfirmed, "unjudgeable": s.Unjudgeable} {
		to <- prometheus.MustNewConstMetric(receiptsJudgedDesc, prometheus.CounterValue, float64(n), verdict)
	}
	for why, n := range s.Refused {
		to <- prometheus.MustNewConstMetric(receiptsRefusedDesc, prometheus.CounterValue, float64(n), string(why))
	}
	to <- prometheus.MustNewConstMetric(receiptsPendingDesc, prometheus.GaugeValue, float64(s.Pending))
	to <- prometheus.MustNewConstMetric(receiptsAccusedDesc, prometheus.GaugeValue, float64(s.Accused))
}
