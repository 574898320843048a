import { useQuery } from "@tanstack/react-query";
import type { Mask } from "../../api/client";
import { answer, client, multipart, picture } from "../../api/client";
import type { Failure } from "../../api/problems";
import type { Options, Photo } from "../../studio/studio";
import { toLayer } from "./pixels";

async function requestMask(photo: Photo, options: Options): Promise<Mask> {
  const form = new FormData();
  form.append("human_image", photo.blob, photo.name);
  form.append("garment_type", options.garmentType);
  form.append("sleeves", options.sleeves);
  form.append("length", options.length);
  if (options.protect.length > 0) form.append("protect", options.protect.join(","));
  if (options.model) form.append("model", options.model);
  return answer<Mask>(client.POST("/masks", multipart(form)));
}

/** The mask that the service would use, with the layers that can be added to it or taken away. */
export const useMask = (photo: Photo, options: Options) =>
  useQuery<{ links: Mask["layers"]; automatic: HTMLCanvasElement }, Failure>({
    queryKey: [
      "mask",
      photo.id,
      options.garmentType,
      options.sleeves,
      options.length,
      options.protect,
      options.model,
    ],
    queryFn: async () => {
      const mask = await requestMask(photo, options);
      return { links: mask.layers, automatic: await toLayer(await picture(mask.layers.mask ?? "")) };
    },
    retry: false,
    staleTime: Number.POSITIVE_INFINITY, // asked for again it would come over what was painted meanwhile
  });
