// Package faulty is a small, correct WebSocket echo endpoint, server and
// client, with a switch for every mistake that the suite claims to find. It
// shares no code with the suite: what one of the two gets wrong the other does
// not repeat.
package faulty

import "sync/atomic"

// A Fault is one mistake. The zero value is none: the endpoint is correct.
type Fault string

// None is the correct endpoint.
const None Fault = ""

// Mistakes with frames, by either end.
const (
	Length126Is7Bits       Fault = "a payload of 125 bytes is written with a 16-bit length"
	Around126Lost          Fault = "messages of 125 to 128 bytes lose their last"
	Length16Signed         Fault = "a 16-bit length is read with a sign"
	Length64Upper          Fault = "of a 64-bit length the upper half is read"
	FragmentsReversed      Fault = "fragments are put together in reverse order"
	EmptyFragmentFails     Fault = "an empty fragment is an error"
	ShortReads             Fault = "a frame that comes in two reads is lost"
	DropsEmpty             Fault = "empty messages are dropped"
	DropsLastByte          Fault = "the last byte of a message is dropped"
	ForgetsType            Fault = "binary messages come back as text"
	PongEmpty              Fault = "pongs carry no payload"
	PongTruncated          Fault = "a pong's payload is cut at 124 bytes"
	PongTextOnly           Fault = "a ping that is no UTF-8 is not answered"
	PongsAll               Fault = "unasked pongs are answered with a pong"
	PongsReversed          Fault = "pongs come in reverse order"
	NoPong                 Fault = "pings are not answered"
	LongControl            Fault = "control frames of more than 125 bytes are accepted"
	LateControlLimit       Fault = "a control frame's size is only checked when it is whole"
	IgnoresRSV             Fault = "reserved bits are ignored"
	IgnoresRSVOnControl    Fault = "reserved bits of control frames are ignored"
	IgnoresOpcode          Fault = "frames with reserved opcodes are skipped"
	IgnoresControlOpcode   Fault = "frames with reserved control opcodes are skipped"
	SkipsOpcodeInMessage   Fault = "reserved opcodes inside a message are skipped"
	FragmentedControl      Fault = "fragmented control frames are accepted"
	IgnoresControlFIN      Fault = "FIN is not looked at in control frames"
	StrayContinuation      Fault = "a continuation without a message starts one"
	NestedMessage          Fault = "a new message inside another replaces it"
	NoFragments            Fault = "fragments are taken for messages"
	FragmentsHoldControl   Fault = "pings inside a message wait for its end"
	EmptyFragmentEnds      Fault = "an empty fragment ends the message"
	FragmentLeak           Fault = "a fragmented message leaks into the next"
	NoMoreThan500Fragments Fault = "a message of more than 500 fragments is cut"
	FailsSilently          Fault = "the connection is failed without a Close frame"
	FailsWith1011          Fault = "every failure has the code 1011"
	NeverFails             Fault = "a failed connection is left open"
	EchoesTwice            Fault = "every echo comes twice"
)

// Mistakes with text.
const (
	NoUTF8              Fault = "texts are not checked"
	UTF8AtEnd           Fault = "texts are checked when they are whole"
	UTF8AtFrameEnd      Fault = "texts are checked frame by frame"
	UTF8PerFragment     Fault = "each fragment has to be valid on its own"
	UTF8BadCode         Fault = "invalid texts are answered with 1002"
	UTF8Surrogates      Fault = "surrogates are accepted"
	UTF8Overlong        Fault = "overlong sequences are accepted"
	UTF8PastEnd         Fault = "sequences past U+10FFFF are accepted"
	UTF8NoNonchars      Fault = "noncharacters are rejected"
	UTF8BMPOnly         Fault = "sequences of four bytes are rejected"
	UTF8NoNUL           Fault = "NUL is rejected"
	UTF8Truncated       Fault = "a text may end inside a code point"
	UTF8LooseTail       Fault = "lone continuation bytes are accepted"
	UTF8NeverBytes      Fault = "FE and FF are accepted"
	UTF8Binary          Fault = "binary messages are checked as text"
	UTF8Replaced        Fault = "specials are replaced by a question mark"
	UTF8ASCII           Fault = "texts other than ASCII are rejected"
	UTF8NotPast32K      Fault = "only the first 32 KiB of a text are checked"
	UTF8BinaryRemains   Fault = "the end of a binary message is checked with the next text"
	UTF8ControlBetween  Fault = "a ping inside a text resets the check"
	UTF8DelRejected     Fault = "DEL is rejected"
	UTF8FiveBytes       Fault = "sequences of five and six bytes are accepted"
	UTF8LonelyStart     Fault = "first bytes without their continuation are accepted"
	UTF8AtEndInFragment Fault = "a fragmented text is checked when it is whole"
)

// Mistakes with the end of a connection.
const (
	NeverAnswersClose   Fault = "Close is not answered"
	AnswersAfterClose   Fault = "pings and texts are answered after Close"
	ClosesTwice         Fault = "every Close is answered"
	DropsBeforeClose    Fault = "Close overtakes the echo before it"
	OneByteClose        Fault = "a Close with one byte is accepted"
	LongReason          Fault = "a Close frame of 126 bytes is accepted"
	ReasonNotChecked    Fault = "a reason is not checked for UTF-8"
	ReasonASCII         Fault = "a reason other than ASCII is rejected"
	AnyCode             Fault = "every code is accepted and answered with 1000"
	EchoesAnyCode       Fault = "every code is accepted and repeated"
	Accepts1005         Fault = "the code 1005 is accepted"
	Accepts2000s        Fault = "codes from 1016 to 2999 are accepted"
	Rejects3000s        Fault = "codes from 3000 to 4999 are rejected"
	RejectsNewCodes     Fault = "codes from 1012 to 1014 are rejected"
	Only1000            Fault = "codes other than 1000 are rejected"
	AlwaysSays1001      Fault = "Close is answered with 1001"
	NeedsCode           Fault = "a Close without a code is rejected"
	LingersAfterClose   Fault = "TCP is left open by the server, or closed first by the client"
	WaitsForCloseAnswer Fault = "a failed connection waits for ever for the answer to its Close"
	IgnoresFIN          Fault = "the end of TCP is not noticed"
	EndsMuteAtFIN       Fault = "a half-closed connection is dropped before its Close is answered"
	RejectsFullReason   Fault = "a reason of 123 bytes is rejected"
)

// Mistakes with masks, lengths, economy and sizes.
const (
	MasksWrong        Fault = "a server masks, a client does not"
	MasksWrongPong    Fault = "pongs are masked by a server, and not by a client"
	AcceptsWrongMask  Fault = "frames with the wrong masking are accepted"
	AcceptsMaskOnCtl  Fault = "control frames with the wrong masking are accepted"
	SameKey           Fault = "all frames are masked with one key"
	LongForms         Fault = "lengths longer than needed are accepted"
	WritesLongForms   Fault = "every length is written in 64 bits"
	FragmentsNeedless Fault = "messages are sent in frames of 119 bytes"
	HeadsAlone        Fault = "a frame's head is written alone"
	TopBit            Fault = "the top bit of a length is ignored"
	TopBitAllocates   Fault = "a length is believed, and the endpoint breaks"
	AnyLength         Fault = "a huge message is waited for"
	ManyFragmentsFail Fault = "many fragments break the connection without a word"
	EmptyFragmentLoop Fault = "empty fragments after the tenth thousandth are not read"
	PongsDropped      Fault = "of many pings only the first ones are answered"
	FewerThan64K      Fault = "messages of more than 60,000 bytes are cut"
	SlowMany          Fault = "every hundredth message is lost"
)

// Mistakes with compression.
const (
	NoDeflate            Fault = "permessage-deflate is declined"
	IgnoresWindow        Fault = "the window asked of the endpoint is ignored"
	SmallDecodeWindow    Fault = "the decoder keeps half the window that was agreed"
	NoDecodeTakeover     Fault = "the decoder forgets although takeover was agreed"
	TakesOverAnyway      Fault = "context is taken over although it was agreed not to"
	ResetsAnyway         Fault = "context is not taken over although it might be"
	ForgetsAfterPlain    Fault = "an uncompressed message empties the window"
	ForgetsAfterEmpty    Fault = "an empty message empties the window"
	FragmentForgets      Fault = "the window of a fragmented message is not kept"
	RSV1OnContinuation   Fault = "RSV1 on a continuation is ignored"
	RSV1OnControl        Fault = "RSV1 on a control frame is ignored"
	AllRSV               Fault = "with compression all reserved bits are ignored"
	NoStored             Fault = "stored blocks are not understood"
	NoFixed              Fault = "fixed blocks without a match are not understood"
	NoFinal              Fault = "a final block is an error"
	InflatesPerFrame     Fault = "each frame is inflated on its own"
	EmptyTailDropped     Fault = "a message whose last or first fragment is empty is dropped"
	NoPlain              Fault = "uncompressed messages are an error once compression is agreed"
	DropsEmptyCompressed Fault = "empty compressed messages are dropped"
	IgnoresDamage        Fault = "what could be inflated of damaged data is echoed"
	CompressedUTF8       Fault = "compressed texts are not checked"
	UTF8OnWire           Fault = "the compressed bytes of a text are checked"
	CompressedBinaryUTF8 Fault = "compressed binary messages are checked as text"
	NoInflateLimit       Fault = "there is no limit on inflated bytes"
	NeverCompresses      Fault = "compression is agreed to and not used"
	DeflateNeedless      Fault = "compressed messages are sent in frames of 119 bytes"
	DeflateHeadsAlone    Fault = "a compressed frame's head is written alone"
	DeflateLosesLarge    Fault = "compressed messages of more than 100,000 bytes lose their end"
	DeflateLosesSmall    Fault = "every third compressed message is lost"
	DeflateDefers        Fault = "a ping between compressed fragments is dropped"
	BombSilent           Fault = "too large a message ends the connection without a word"
)

// Mistakes in negotiating compression.
const (
	AnswersTooMuch     Fault = "the server answers with a larger window than it was asked for"
	AnswersUnasked     Fault = "the server answers client_max_window_bits unasked"
	ForgetsReset       Fault = "the server leaves server_no_context_takeover out"
	TakesAnyOffer      Fault = "the server accepts offers with faults"
	TakesAnyExtensions Fault = "every extension is accepted by its name"
	FirstOfferOnly     Fault = "only the first offer is looked at"
	NoQuotes           Fault = "quoted values are not understood"
	NoSpaces           Fault = "white space in an offer is not understood"
	BareOfferOnly      Fault = "only an offer without parameters is understood"
	TakesAnyAnswer     Fault = "the client accepts answers with faults"
	NeedsClientReset   Fault = "the client refuses answers without client_no_context_takeover"
	RefusesUnasked     Fault = "the client refuses parameters that it did not ask for"
	OffersFault        Fault = "the client's offer has a fault"
	PrefixOffer        Fault = "extension names are compared by their beginning"
	LastOfTwoLines     Fault = "only the last line of offers is read"
	AsksAndForgets     Fault = "the client asks for a window and a reset and goes on without them"
	TakesUnofferedBits Fault = "the client does not offer client_max_window_bits and takes it"
	ServerBitsRequired Fault = "a smaller window for the server is agreed to and answered without a value"
)

// Mistakes in a server's opening handshake.
const (
	WrongAccept         Fault = "the accept value is wrong"
	TwoAccepts          Fault = "the accept value stands twice"
	NoUpgradeField      Fault = "the 101 has no Upgrade"
	NoConnectionField   Fault = "the 101 has no Connection"
	UnofferedProtocol   Fault = "the 101 has a subprotocol that was not offered"
	TwoProtocols        Fault = "the 101 has two subprotocol lines"
	UnofferedExtension  Fault = "the 101 has an extension that was not offered"
	BodyIn101           Fault = "the 101 has a Content-Length"
	OldStatusLine       Fault = "the 101 is of HTTP/1.0"
	UpgradeCase         Fault = "Upgrade is compared with its case"
	ConnectionWhole     Fault = "Connection has to be Upgrade and nothing else"
	UpgradeWhole        Fault = "Upgrade has to be websocket and nothing else"
	NamesCase           Fault = "field names are compared with their case"
	OneReadHead         Fault = "the request has to come in one read"
	SmallHead           Fault = "a request of more than 2 KiB is refused"
	NoTrim              Fault = "white space around values is kept"
	AnyUpgrade          Fault = "Upgrade is not looked at"
	AnyConnection       Fault = "Connection is not looked at"
	ConnectionSubstring Fault = "Connection is searched for a substring"
	UpgradeSubstring    Fault = "Upgrade is searched for a substring"
	AnyKey              Fault = "any key will do, or none"
	FirstKey            Fault = "of two keys the first counts"
	AnyVersion          Fault = "any version will do, or none"
	FirstVersion        Fault = "of two versions the first counts"
	VersionUnnamed      Fault = "a refused version is not told the right one"
	AnyMethod           Fault = "any method will do"
	AnyProto            Fault = "any version of HTTP will do"
	NoHost              Fault = "a Host is not needed"
	TwoHosts            Fault = "of two Hosts the first counts"
	ColonSpace          Fault = "a space before a colon is skipped"
	BodyAsFrames        Fault = "a request's body is read as frames"
	BodySkipped         Fault = "a request's body is skipped"
	FirstConnection     Fault = "of two Connection lines the first counts"
)

// Mistakes in a client's opening handshake.
const (
	AsksPOST           Fault = "the request is a POST"
	AsksTwoHosts       Fault = "the request has two Hosts"
	AsksTwoUpgrades    Fault = "the request has two Upgrade values"
	AsksKeepAlive      Fault = "the request's Connection is keep-alive"
	AsksShortKey       Fault = "the request's key has 8 bytes"
	AsksVersion8       Fault = "the request has version 8"
	AsksSameKey        Fault = "every request has the same key"
	AsksBadExtensions  Fault = "the request's extensions cannot be read"
	AsksTwiceProtocol  Fault = "the request names a subprotocol twice"
	AnswerNamesCase    Fault = "the answer's field names are compared with their case"
	AnswerUpgradeCase  Fault = "the answer's Upgrade is compared with its case"
	AnswerWhole        Fault = "the answer's Connection has to be Upgrade and nothing else"
	AnswerSmall        Fault = "an answer of more than 512 bytes is refused"
	AnswerPhrase       Fault = "the reason phrase has to be Switching Protocols"
	AnswerOneRead      Fault = "the answer has to come in one read"
	AnswerEarlyLost    Fault = "bytes that came with the answer are lost"
	TakesAnyAccept     Fault = "any accept value will do, or none"
	TakesFirstAccept   Fault = "of two accept values the first counts"
	TakesAnyUpgrade    Fault = "the answer's Upgrade is not looked at"
	TakesAnyConnection Fault = "the answer's Connection is not looked at"
	TakesAnyStatus     Fault = "any status will do"
	TakesAnyProto      Fault = "any version of HTTP in the answer will do"
	TakesAnyProtocol   Fault = "any subprotocol in the answer will do"
	TakesAnyExtension  Fault = "extensions that were not offered are ignored"
)

// An Endpoint echoes messages, but for its fault. It is a value: connections
// share nothing but its State.
type Endpoint struct {
	Fault Fault
	// Server is the role; a client masks.
	Server bool
	// State is what a server's connections share; nil is nothing.
	State *State
}

// State is a server's memory.
type State struct {
	down atomic.Bool // TopBitAllocates: nobody is served any more
}

func (e Endpoint) is(faults ...Fault) bool {
	for _, f := range faults {
		if e.Fault == f && f != None {
			return true
		}
	}
	return false
}
