// A gateway's page: how far it is, kept true; and a tap on the plan says where it hangs.

import { keepTrue } from "./parts.js";

keepTrue("gateway", "#live", "#live");

const plan = document.querySelector(".plan-tap");
const mark = document.querySelector("#mark");
const [east, north] = ["#x", "#y"].map((field) => document.querySelector(field));

if (plan && east && north) {
  const { westCm, northCm, units } = plan.dataset;

  const show = () => {
    const known = east.value !== "" && north.value !== "";
    mark.toggleAttribute("hidden", !known);
    if (!known) return;
    const x = (east.value * 100 - westCm) * units;
    const y = (northCm - north.value * 100) * units;
    mark.setAttribute("transform", `translate(${x} ${y})`);
  };

  plan.addEventListener("click", (tap) => {
    const at = new DOMPoint(tap.clientX, tap.clientY).matrixTransform(plan.getScreenCTM().inverse());
    east.value = ((at.x / units + Number(westCm)) / 100).toFixed(2);
    north.value = ((northCm - at.y / units) / 100).toFixed(2);
    show();
  });
  for (const field of [east, north]) field.addEventListener("input", show);
}
