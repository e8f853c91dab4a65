package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// size reads a picture's size.
func size(b64 string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return "", err
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%dx%d", picture.Bounds().Dx(), picture.Bounds().Dy()), nil
}

// made checks the first picture of an answer.
func made(answer *openai.ImagesResponse, err error, want string) error {
	if err != nil {
		return err
	}
	if got, err := size(answer.Data[0].B64JSON); err != nil || got != want {
		return fmt.Errorf("the picture is %s, want %s (%v)", got, want, err)
	}
	return nil
}

func images(ctx context.Context, n *network) error {
	c := n.client()
	for _, want := range []string{"256x256", "512x512"} {
		answer, err := c.Images.Generate(ctx, openai.ImageGenerateParams{Model: imageModel, Prompt: "a heron by a river", Size: openai.ImageGenerateParamsSize(want)}, option.WithJSONSet("steps", 8))
		if err := made(answer, err, want); err != nil {
			return err
		}
	}
	return nil
}

// square is a picture to send; where clear says so it is transparent.
func square(side int, clear func(x int) bool) io.Reader {
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			alpha := uint8(255)
			if clear(x) {
				alpha = 0
			}
			picture.SetNRGBA(x, y, color.NRGBA{R: uint8(x), G: uint8(y), B: 128, A: alpha})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		panic(err) // into memory, of a size that PNG knows
	}
	return openai.File(&file, "picture.png", "image/png")
}

func imagesGiven(ctx context.Context, n *network) error {
	never, right := func(int) bool { return false }, func(x int) bool { return x > 128 }
	c := n.client()
	answer, err := c.Images.Edit(ctx, openai.ImageEditParams{Model: "vision-ref-edit", Prompt: "make it winter", Image: openai.ImageEditParamsImageUnion{OfFile: square(256, never)}})
	if err := made(answer, err, "256x256"); err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	answer, err = c.Images.Edit(ctx, openai.ImageEditParams{Model: "vision-ref-inpaint", Prompt: "a heron", Image: openai.ImageEditParamsImageUnion{OfFile: square(256, never)}, Mask: square(256, right)})
	if err := made(answer, err, "256x256"); err != nil {
		return fmt.Errorf("inpaint: %w", err)
	}
	//lint:ignore SA1019 OpenAI has given up variations; here they are what enlarges pictures
	answer, err = c.Images.NewVariation(ctx, openai.ImageNewVariationParams{Model: "vision-ref-upscale", Image: square(64, never)})
	if err := made(answer, err, "256x256"); err != nil {
		return fmt.Errorf("vary: %w", err)
	}
	return nil
}
