package load

import (
	"bytes"
	"compress/flate"
	"fmt"
)

// A Load is what a client sends: messages in a circle, each in one frame.
type Load struct {
	Frames [][]byte // the last len(Data) are the circle, those before are sent once
	Data   [][]byte // what the messages are, and their echoes are to be
}

// Binary is a message of n bytes.
func Binary(n int) Load {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte('a' + i%26)
	}
	return Load{[][]byte{appendFrame(nil, 0x80|opBinary, p)}, [][]byte{p}}
}

// MixedText is a text message of n bytes in several scripts, with characters of
// one to four bytes. It is ended with spaces.
func MixedText(n int) Load {
	const line = "Ein Gruß, ein Wort: Καλημέρα κόσμε, привет мир, 你好世界, こんにちは,안녕하세요, שלום, 🙂🚀. "
	p := bytes.Repeat([]byte(line), n/len(line))
	p = append(p, bytes.Repeat([]byte{' '}, n-len(p))...)
	return Load{[][]byte{appendFrame(nil, 0x80|opText, p)}, [][]byte{p}}
}

// records is how many messages JSON has: more than a window of 32 KiB holds, so
// that in each round they are compressed to the same bytes.
const records = 40

// JSON is records of n bytes that resemble each other, compressed as d says.
func JSON(n int, d Deflate) Load {
	var l Load
	for i := range records {
		l.Data = append(l.Data, record(i, n))
	}
	if d == Plain {
		for _, p := range l.Data {
			l.Frames = append(l.Frames, appendFrame(nil, 0x80|opText, p))
		}
		return l
	}
	// With takeover the first round has nothing to refer to; the second, which is
	// sent from then on, refers to the round before it.
	rounds := 1
	if d == Takeover {
		rounds = 2
	}
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestSpeed) // fails for levels that do not exist
	for range rounds {
		for _, p := range l.Data {
			out.Reset()
			if d == NoTakeover {
				w.Reset(&out)
			}
			_, _ = w.Write(p) // the buffer takes all
			_ = w.Flush()
			// "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end", RFC
			// 7692 §7.2.1.
			l.Frames = append(l.Frames, appendFrame(nil, 0xc0|opText, bytes.TrimSuffix(out.Bytes(), tail)))
		}
	}
	return l
}

var tail = []byte{0, 0, 0xff, 0xff}

// Frame is the i-th message that a client sends on one connection.
func (l Load) Frame(i int) []byte {
	if i < len(l.Frames) {
		return l.Frames[i]
	}
	return l.Frames[len(l.Frames)-len(l.Data)+i%len(l.Data)]
}

// record is one of a kind of JSON that services send.
func record(i, n int) []byte {
	p := fmt.Appendf(nil, `{"seq":%d,"type":"trade","rows":[`, 100_000+i)
	for j := 0; ; j++ {
		// A multiplicative generator's numbers: the same in every run.
		x := uint32(i*1000+j)*2654435761 + 12345
		row := fmt.Sprintf(`{"id":%d,"symbol":"W%02d","price":%d.%02d,"side":"%s","at":"2026-11-21T%02d:%02d:%02d.%03dZ"},`,
			x%1_000_000, x>>7%50, x>>9%900, x>>3%100, [2]string{"buy", "sell"}[x>>13&1], x>>5%24, x>>11%60, x>>17%60, x>>2%1000)
		if len(p)+len(row) > n-2 {
			break
		}
		p = append(p, row...)
	}
	p[len(p)-1] = ']'
	p = append(p, bytes.Repeat([]byte{' '}, n-1-len(p))...)
	return append(p, '}')
}
